// SPDX-License-Identifier: Apache-2.0
// Letter: one decision of the scheduler, a JSON line of GET /v1/decisions. Written only, for people and their tools.
//
//   {"at":"2026-…Z","verb":"filter","pod":"team/a","uid":"…","revision":7,"candidates":500,
//    "request":{"containers":[{"name":"main","kind":"app","slices":[{"vendor":"…","count":1,"memoryMiB":4096,
//      "corePercent":30,"exclusive":false,"priority":"low"}]}],"choice":{…},"nodePolicy":null,"devicePolicy":null,
//      "numa":null},
//    "ruledBy":{"node":"rules[0]","device":"pod"},
//    "offered":[{"node":"n1","score":10}],"refusals":{}}
import type { Placement } from '../core/placement.js';
import type { PodRequest, SliceRequest } from '../core/request.js';
import type { HostScore } from './extender.js';
import { encodePlacement } from './placement.js';
import { devicePolicyText, nodePolicyText } from './policy-text.js';

interface DecisionBase {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** namespace/name */
  readonly pod: string;
  readonly uid: string;
  /** Of the ledger, when it was asked. */
  readonly revision: number;
}

/** Who said how node and devices are chosen: `pod`, `rules[2]`, `defaults` (both of the policy document) or `options`. */
export interface RuledBy {
  readonly node: string;
  readonly device: string;
}

export interface FilterDecision extends DecisionBase {
  readonly verb: 'filter';
  /** null: it could not be read. */
  readonly request: PodRequest | null;
  readonly ruledBy: RuledBy | null;
  /** How many nodes kube-scheduler asked about. */
  readonly candidates: number;
  /** The short list. */
  readonly offered: readonly HostScore[];
  /** Kind → nodes. */
  readonly refusals: Readonly<Record<string, number>>;
}

export interface BindDecision extends DecisionBase {
  readonly verb: 'bind';
  readonly node: string;
  /** Empty: bound. */
  readonly sentence: string;
  /** Kind; absent where no refusal was the cause. */
  readonly refusal?: string;
  readonly placement?: Placement;
}

export type Decision = FilterDecision | BindDecision;

/** Without a line feed. */
export function encodeDecision(decision: Decision): string {
  const at = new Date(decision.at).toISOString();
  if (decision.verb === 'filter')
    return JSON.stringify({ ...decision, at, request: decision.request && requestRow(decision.request) });
  const { placement, ...rest } = decision;
  const letter = placement && { placement: JSON.parse(encodePlacement(placement)) as unknown };
  return JSON.stringify({ ...rest, at, ...letter });
}

function requestRow({ containers, choice, nodePolicy, devicePolicy, numa }: PodRequest): object {
  const rows = containers.map(({ name, kind, slices }) => ({ name, kind, slices: slices.map(sliceRow) }));
  const policies = {
    nodePolicy: nodePolicy && nodePolicyText(nodePolicy),
    devicePolicy: devicePolicy && devicePolicyText(devicePolicy),
  };
  return { containers: rows, choice, ...policies, numa };
}

function sliceRow({ vendor, count, memory, cores, isExclusive, priority }: SliceRequest): object {
  return {
    vendor,
    count,
    ...(memory.kind === 'fixed' ? { memoryMiB: memory.memory } : {}),
    ...(memory.kind === 'share' ? { memoryPercent: memory.permille / 10 } : {}),
    ...(memory.kind === 'whole' ? { memory: 'whole' } : {}),
    corePercent: cores / 10,
    exclusive: isExclusive,
    priority,
  };
}
