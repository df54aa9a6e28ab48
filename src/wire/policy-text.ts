// SPDX-License-Identifier: Apache-2.0
// Letter: policies as one line of text. `binpack`, or names in order with commas between: `mutex,binpack,numa`.
// For nodes a step may weigh several names: `binpack=2+topology,spread`. A weight of 1 is left out.
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../core/policies.js';
import type { DevicePolicy, NodePolicy, WeightedName } from '../core/request.js';

export const nodePolicyText = (policy: NodePolicy): string =>
  policy.map((step) => step.map(weighedText).join('+')).join(',');

export const devicePolicyText = (policy: DevicePolicy): string => policy.join(',');

/** A policy is a few names. */
const LONGEST = 256;

/** null: not of this form, or a name that is none of a node policy's. */
export function readNodePolicy(text: string): NodePolicy | null {
  if (text.length > LONGEST) return null;
  const steps = text.split(',').map((step) => step.split('+').map(readWeighed));
  return steps.every((step) => step.every((entry) => entry !== null)) ? (steps as NodePolicy) : null;
}

export function readDevicePolicy(text: string): DevicePolicy | null {
  if (text.length > LONGEST) return null;
  const names = text.split(',').map((word) => DEVICE_POLICY_NAMES.find((name) => name === word.trim()));
  return names.every((name) => name !== undefined) ? names : null;
}

const weighedText = ({ name, weight }: WeightedName): string => (weight === 1 ? name : `${name}=${weight}`);

function readWeighed(text: string): WeightedName | null {
  const match = /^\s*([a-z]+)\s*(?:=\s*(\d{1,6}(?:\.\d{1,6})?))?\s*$/.exec(text);
  const name = NODE_POLICY_NAMES.find((known) => known === match?.[1]);
  const weight = Number(match?.[2] ?? 1);
  return name === undefined || weight === 0 ? null : { name, weight };
}
