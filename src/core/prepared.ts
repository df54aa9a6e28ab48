// SPDX-License-Identifier: Apache-2.0
// All that is asked of every node and that can be worked out once per pod.
import { type Ask, asksOf } from './asks.js';
import { type Chain, chainOf, isTight, tightly } from './chain.js';
import type { Company, Wish } from './fit.js';
import { asWritten, hasChoiceOfOrder, largestFirst } from './order.js';
import { isInitOnly, slotsWanted } from './phases.js';
import type { PlacingRules } from './policies.js';
import { newAsker } from './remembered.js';
import type { DevicePolicy, NodePolicy, PodRequest, SliceRequest } from './request.js';
import { isSame } from './same.js';
import { Trial } from './trial.js';

export interface PreparedPod {
  readonly request: PodRequest;
  readonly rules: PlacingRules;
  /** Pods of one key get the same answers of the same node, as long as packing has not learned. */
  readonly key: string;
  /** Version of packing's look where the answers follow from it; null where they do not. */
  readonly learned: number | null;
  /** The one wish of a pod of one asking container and one vendor, which is nearly every pod; else null. */
  readonly only: Wish | null;
  readonly isInitOnly: boolean;
  /** Slots that the kubelet will take of each vendor. */
  readonly wants: readonly { readonly vendor: string; readonly want: number }[];
  /** The containers as written, and where there is a choice the largest first and tightly. */
  readonly trials: readonly Trial[];
  readonly nodePolicy: NodePolicy;
  /** What it asks of each vendor. */
  readonly asks: readonly PreparedAsk[];
}

export interface PreparedAsk {
  readonly ask: Ask;
  /** Container by container. */
  readonly wishes: readonly Wish[];
  /** The one of most devices. */
  readonly widest: Wish;
}

export function preparePod(request: PodRequest, rules: PlacingRules): PreparedPod {
  const chain = chainOf(devicePolicyOf(request, rules));
  const wishes = wishesOf(request, chain.company);
  const flat = wishes.flat();
  const [wish] = flat;
  const isOneNuma = request.numa === 'required';
  const isPlain = flat.length === 1 && wish !== undefined && !(isOneNuma && wish.slice.count > 1);
  const containers = request.containers.map(({ kind }, at) => ({ kind, wishes: wishes[at] ?? [] }));
  const same = { packing: rules.packing, cpuMilli: request.cpuMilli, isOneNuma };
  const first = new Trial(containers, asWritten(request), { chain, ...same });
  const tight = { chain: tightly(chain), ...same };
  return {
    request,
    rules,
    ...keyOf(request, rules),
    only: isPlain ? wish : null,
    isInitOnly: isInitOnly(request),
    wants: [...slotsWanted(request)].map(([vendor, want]) => ({ vendor, want })),
    trials: hasOtherWay(request, chain)
      ? [first, new Trial(containers, largestFirst(request), tight)]
      : [first],
    nodePolicy: request.nodePolicy ?? rules.nodePolicy,
    asks: preparedAsks(request, flat),
  };
}

/** Then devices of one state are not alike: their names tell them apart. */
export const namesIds = ({ choice }: PodRequest): boolean =>
  choice.allowIds.length + choice.denyIds.length > 0;

/** Whether serving the largest first and tightly is anything else than serving as written. */
function hasOtherWay(request: PodRequest, chain: Chain): boolean {
  if (!hasChoiceOfOrder(request)) return false;
  return !isTight(chain) || !isSame(largestFirst(request), asWritten(request));
}

/** What the pod says of itself, else the rules; who would like one NUMA node likes it first. */
export function devicePolicyOf({ devicePolicy, numa }: PodRequest, rules: PlacingRules): DevicePolicy {
  const policy = devicePolicy ?? rules.devicePolicy;
  return numa === 'preferred' ? ['numa', ...policy] : policy;
}

/** Per container, one per vendor. */
export function wishesOf(request: PodRequest, company: Company): readonly (readonly Wish[])[] {
  const { containers, choice } = request;
  const isByName = namesIds(request);
  const wishOf = (slice: SliceRequest): Wish =>
    isByName ? { slice, choice, company } : { slice, choice, company, asker: newAsker() };
  return containers.map(({ slices }) => slices.map(wishOf));
}

function preparedAsks(request: PodRequest, all: readonly Wish[]): readonly PreparedAsk[] {
  return asksOf(request).map((ask) => {
    const wishes = all.filter(({ slice }) => slice.vendor === ask.vendor);
    return { ask, wishes, widest: wishes.reduce((a, b) => (b.slice.count > a.slice.count ? b : a)) };
  });
}

/** Names of containers do not matter, nor do those that ask for nothing; CPU, and what was learned, to one policy alone. */
function keyOf(
  { containers, choice, nodePolicy, devicePolicy, numa, cpuMilli }: PodRequest,
  rules: PlacingRules,
): Pick<PreparedPod, 'key' | 'learned'> {
  const rows = containers
    .filter(({ slices }) => slices.length > 0)
    .map(({ kind, slices }) => [kind, slices.map(sliceKey)]);
  const { allowModels, denyModels, allowIds, denyIds } = choice;
  const policies = [nodePolicy ?? rules.nodePolicy, devicePolicy ?? rules.devicePolicy, numa];
  const text = JSON.stringify([rows, allowModels, denyModels, allowIds, denyIds, ...policies]);
  if (!text.includes('"fragmentation"')) return { key: text, learned: null };
  const { version } = rules.packing;
  return { key: `${text} ${cpuMilli} ${version}`, learned: version };
}

function sliceKey({ vendor, count, memory, cores, isExclusive, priority }: SliceRequest): readonly unknown[] {
  const amount = memory.kind === 'fixed' ? memory.memory : memory.kind === 'share' ? memory.permille : 0;
  return [vendor, count, memory.kind, amount, cores, isExclusive, priority];
}
