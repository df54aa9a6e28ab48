// SPDX-License-Identifier: Apache-2.0
// What the cluster's admin says of placing, and what it means for one pod: for its node policy and for its device
// policy each, the first rule that matches and says something, else the defaults, else what the program was started
// with. What the pod itself says stands before all of it, and is not looked at here.
import { matchesPattern } from './pattern.js';
import type { PlacingRules } from './policies.js';
import type { DevicePolicy, DevicePolicyName, NodePolicy, NodePolicyName } from './request.js';

/** One name; steps in order, the first that tells two nodes apart decides; or weights above 0 of one step. */
export type NodeWords =
  | NodePolicyName
  | readonly NodePolicyName[]
  | { readonly [Name in NodePolicyName]?: number };

export type DeviceWords = DevicePolicyName | readonly DevicePolicyName[];

export interface PolicyWords {
  readonly node?: NodeWords;
  readonly device?: DeviceWords;
}

export interface PolicyRule extends PolicyWords {
  /** Where both stand, both must hold: any of the namespaces (`*` stands for any letters), all of the labels. */
  readonly match: {
    readonly namespaces?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** More may be given out of the devices of these nodes than there is. */
export interface Overcommit {
  /** Labels the node must have; none at all: every node. */
  readonly nodes: Readonly<Record<string, string>>;
  /** Factors of what is there, 1..10. */
  readonly memory?: number;
  readonly cores?: number;
  /** Slices a device may carry, 1..100, in place of what its node says. */
  readonly splits?: number;
}

/** What holds for running pods, said to the programs on their node (core/node-rules). */
export interface NodeRule {
  /** Absent: every pod. */
  readonly match?: { readonly namespaces: readonly string[] };
  readonly onEscape?: 'report' | 'throttle' | 'kill';
  readonly compute?: 'hard' | 'soft';
  readonly lendMemory?: boolean;
}

/** What an hour of a device costs, for `kerf usage`. */
export interface Prices {
  /** Shown beside the figures; absent: none. */
  readonly currency?: string;
  /** The first that matches a device's model (`*` stands for any letters) counts. */
  readonly models: readonly { readonly model: string; readonly perGpuHour: number }[];
}

/** As it is written (scheduler-config/policy.schema.json). */
export interface PolicyDocument {
  readonly version: 1;
  readonly defaults?: PolicyWords;
  readonly rules?: readonly PolicyRule[];
  readonly overcommit?: readonly Overcommit[];
  readonly node?: readonly NodeRule[];
  readonly prices?: Prices;
}

export const NO_POLICY: PolicyDocument = { version: 1 };

/** What a rule looks at. */
export interface RuledPod {
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
}

/** What holds for a pod, and who said so: `rules[2]`, `defaults`, or `options` (what the program was started with). */
export interface Ruling {
  readonly rules: PlacingRules;
  readonly node: string;
  readonly device: string;
}

/** Answers `rulingFor`. Equal rulings are one object, so that whoever caches by rules finds them. */
export function rulingsOf(document: PolicyDocument, base: PlacingRules): (pod: RuledPod) => Ruling {
  const rules = document.rules ?? [];
  const known = new Map<string, Ruling>();
  const sayerOf = (key: 'node' | 'device', pod: RuledPod): string => {
    const at = rules.findIndex((rule) => rule[key] !== undefined && matches(rule, pod));
    if (at >= 0) return `rules[${at}]`;
    return document.defaults?.[key] === undefined ? 'options' : 'defaults';
  };
  return (pod) => {
    const node = sayerOf('node', pod);
    const device = sayerOf('device', pod);
    const key = `${node}/${device}`;
    const ruling = known.get(key) ?? { rules: rulesSaid(document, base, { node, device }), node, device };
    known.set(key, ruling);
    return ruling;
  };
}

function matches({ match }: PolicyRule, pod: RuledPod): boolean {
  const { namespaces, labels } = match;
  if (namespaces?.every((pattern) => !matchesPattern(pattern, pod.namespace)) === true) return false;
  return hasLabels(pod.labels, labels ?? {});
}

/** Whether all that is wanted stands there. */
export function hasLabels(
  labels: ReadonlyMap<string, string>,
  want: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(want).every(([key, value]) => labels.get(key) === value);
}

type Sayers = Pick<Ruling, 'node' | 'device'>;

function rulesSaid(document: PolicyDocument, base: PlacingRules, { node, device }: Sayers): PlacingRules {
  const nodeWords = wordsOf(document, node).node;
  const deviceWords = wordsOf(document, device).device;
  return {
    ...base,
    nodePolicy: nodeWords === undefined ? base.nodePolicy : nodePolicyOf(nodeWords),
    devicePolicy: deviceWords === undefined ? base.devicePolicy : devicePolicyOf(deviceWords),
  };
}

function wordsOf(document: PolicyDocument, sayer: string): PolicyWords {
  const at = /^rules\[(\d+)\]$/.exec(sayer)?.[1];
  const words = at === undefined ? document.defaults : document.rules?.[Number(at)];
  return sayer === 'options' ? {} : (words ?? {});
}

function nodePolicyOf(words: NodeWords): NodePolicy {
  if (typeof words === 'string') return [[{ name: words, weight: 1 }]];
  if (Array.isArray(words)) return (words as readonly NodePolicyName[]).map((name) => [{ name, weight: 1 }]);
  return [Object.entries(words).map(([name, weight]) => ({ name: name as NodePolicyName, weight }))];
}

const devicePolicyOf = (words: DeviceWords): DevicePolicy => (typeof words === 'string' ? [words] : words);
