// SPDX-License-Identifier: Apache-2.0
// All that filter asks of every node and that can be worked out once per pod.
import { type Ask, asksOf } from './asks.js';
import type { Wish } from './fit.js';
import { hasChoiceOfOrder, largestFirst } from './order.js';
import { isInitOnly } from './phases.js';
import { devicePolicyOf, nodePolicyOf, type PlacingRules, type Policy } from './policies.js';
import type { PodRequest } from './request.js';
import { Trial } from './trial.js';

export interface PreparedPod {
  readonly request: PodRequest;
  readonly rules: PlacingRules;
  /** Pods of one key get the same answers of the same node, as long as packing has not learned. */
  readonly key: string;
  /** The one wish of a pod of one asking container and one vendor, which is nearly every pod; else null. */
  readonly only: Wish | null;
  readonly isInitOnly: boolean;
  /** The containers as written, and where there is a choice the largest first: as place tries them. */
  readonly trials: readonly Trial[];
  readonly asks: readonly Ask[];
  readonly nodePolicy: Policy;
}

export function preparePod(request: PodRequest, rules: PlacingRules): PreparedPod {
  const slices = request.containers.flatMap((container) => container.slices);
  const [slice] = slices;
  const only = slices.length === 1 && slice !== undefined ? { slice, choice: request.choice } : null;
  return {
    request,
    rules,
    key: keyOf(request, rules),
    only,
    isInitOnly: isInitOnly(request),
    trials: trialsOf(request, rules),
    asks: asksOf(request),
    nodePolicy: nodePolicyOf(request.nodePolicy ?? rules.nodePolicy),
  };
}

/** Names of containers do not matter, nor do those that ask for nothing. */
function keyOf(
  { containers, choice, nodePolicy, devicePolicy, numa }: PodRequest,
  rules: PlacingRules,
): string {
  const rows = containers
    .filter(({ slices }) => slices.length > 0)
    .map(({ kind, slices }) => [
      kind,
      slices.map(({ vendor, count, memory, cores, isExclusive, priority }) => {
        const amount =
          memory.kind === 'fixed' ? memory.memory : memory.kind === 'share' ? memory.permille : 0;
        return [vendor, count, memory.kind, amount, cores, isExclusive, priority];
      }),
    ]);
  const { allowModels, denyModels, allowIds, denyIds } = choice;
  const policies = [nodePolicy ?? rules.nodePolicy, devicePolicy ?? rules.devicePolicy, numa];
  return JSON.stringify([rows, allowModels, denyModels, allowIds, denyIds, ...policies]);
}

function trialsOf(request: PodRequest, rules: PlacingRules): readonly Trial[] {
  const all = request.containers.map(({ kind, slices }) => ({
    kind,
    wishes: slices.map((slice) => ({ slice, choice: request.choice })),
  }));
  const first = new Trial(all, devicePolicyOf(request.devicePolicy ?? rules.devicePolicy));
  if (!hasChoiceOfOrder(request)) return [first];
  const sorted = largestFirst(request).map((index) => all[index] as (typeof all)[number]);
  return [first, new Trial(sorted, devicePolicyOf(['binpack']))];
}
