// SPDX-License-Identifier: Apache-2.0
// Letter: policies as one line of text. `binpack`, or names in order with commas between: `mutex,binpack,numa`; the first
// counts most. For nodes names may be weighed against one another: `binpack=2,topology=1`; where such a sum stands among
// others, plus signs hold it together: `binpack=2+topology,spread`. Errors are what would be right, for a sentence.
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../core/policies.js';
import type { DevicePolicy, NodePolicy, WeightedName } from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';

/** A sum alone in its policy is written with commas, as people write it. */
export function nodePolicyText(policy: NodePolicy): string {
  const [first = []] = policy;
  if (policy.length === 1 && first.length > 1)
    return first.map(({ name, weight }) => `${name}=${weight}`).join(',');
  return policy
    .map((step) => (step.length === 1 ? step[0]?.name : step.map(weighedText).join('+')))
    .join(',');
}

export const devicePolicyText = (policy: DevicePolicy): string => policy.join(',');

/** A policy is a few names. */
const LONGEST = 256;

export function readNodePolicy(text: string): Result<NodePolicy, string> {
  const isSum = text.includes('=') && !text.includes('+');
  const steps = isSum ? [text.split(',')] : text.split(',').map((step) => step.split('+'));
  const read = steps.map((step) => step.map(readWeighed));
  if (text.length > LONGEST || read.flat().includes(null)) return err(wantedFor(NODE_POLICY_NAMES) + WEIGHED);
  if (isSum && !steps.flat().every((entry) => entry.includes('='))) return err(HALF_WEIGHED);
  const policy = read as readonly (readonly WeightedName[])[];
  const flaw = contradictionIn(policy.flat().map(({ name }) => name));
  // A name alone in its step has nothing to be weighed against.
  return flaw === null ? ok(policy.map((step) => (step.length === 1 ? unweighed(step) : step))) : err(flaw);
}

export function readDevicePolicy(text: string): Result<DevicePolicy, string> {
  const words = text.length > LONGEST ? [] : text.split(',').map((word) => word.trim());
  const names = words.flatMap((word) => DEVICE_POLICY_NAMES.filter((name) => name === word));
  if (names.length === 0 || names.length < words.length) return err(wantedFor(DEVICE_POLICY_NAMES));
  const flaw = contradictionIn(names);
  return flaw === null ? ok(names) : err(flaw);
}

const CONTRADICTIONS = [
  ['binpack', 'spread'],
  ['mutex', 'exclusive'],
] as const;

/** Why names cannot stand in one policy, as what would be right; null where they can. */
export function contradictionIn(names: readonly string[]): string | null {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) return `want each policy once, and ${twice} stands twice`;
  const both = CONTRADICTIONS.find((pair) => pair.every((name) => names.includes(name)));
  return both === undefined ? null : `want ${both.join(' or ')}, since they contradict each other`;
}

const wantedFor = (names: readonly string[]): string =>
  `want one of ${names.join(', ')}, or several with commas between, the first counts most`;
const WEIGHED = '; or weights above 0, as in binpack=2,topology=1';
const HALF_WEIGHED = 'want a weight for each name or for none, as in binpack=2,topology=1';

const weighedText = ({ name, weight }: WeightedName): string => (weight === 1 ? name : `${name}=${weight}`);
const unweighed = (step: readonly WeightedName[]): readonly WeightedName[] =>
  step.map(({ name }) => ({ name, weight: 1 }));

function readWeighed(text: string): WeightedName | null {
  const match = /^\s*([a-z]+)\s*(?:=\s*(\d{1,6}(?:\.\d{1,6})?))?\s*$/.exec(text);
  const name = NODE_POLICY_NAMES.find((known) => known === match?.[1]);
  const weight = Number(match?.[2] ?? 1);
  return name === undefined || weight === 0 ? null : { name, weight };
}
