// SPDX-License-Identifier: Apache-2.0
// How much a pod's node policy likes a node with the pod on it.
import type { NodeView } from './node.js';
import { NODE_POLICIES } from './policies.js';
import type { PreparedAsk, PreparedPod } from './prepared.js';
import type { NodePolicyName, WeightedName } from './request.js';
import type { NodeSight } from './sight.js';

type Sight = { -readonly [K in keyof NodeSight]: NodeSight[K] };

const sight = {} as Sight;
const STEPS = 1023;

/**
 * 0..10, not rounded (units.score rounds it for the wire). The first step that tells two nodes apart decides: every
 * step but the last counts in 1023rds, and one of these weighs more than all that the steps after it can say.
 */
export function likeNode(pod: PreparedPod, node: NodeView): number {
  const { nodePolicy } = pod;
  let like = 0;
  for (let at = nodePolicy.length - 1; at >= 0; at--) {
    const own = likeOfStep(pod, node, nodePolicy[at] ?? []);
    like = at === nodePolicy.length - 1 ? own : (Math.round(own * STEPS) + 0.999 * like) / (STEPS + 1);
  }
  return 10 * like;
}

/** The weighted mean, 0..1. */
function likeOfStep(pod: PreparedPod, node: NodeView, step: readonly WeightedName[]): number {
  let sum = 0;
  let weights = 0;
  for (let at = 0; at < step.length; at++) {
    const { name, weight } = step[at] as WeightedName;
    sum += weight * likeOfName(pod, node, name);
    weights += weight;
  }
  return weights === 0 ? 0 : sum / weights;
}

/** Of several vendors the mean. */
function likeOfName({ asks, rules, request }: PreparedPod, node: NodeView, name: NodePolicyName): number {
  const { like } = NODE_POLICIES[name];
  let sum = 0;
  for (let at = 0; at < asks.length; at++) {
    const { ask, wishes, widest } = asks[at] as PreparedAsk;
    const view = node.vendors.get(ask.vendor);
    if (view === undefined) continue;
    sight.node = node;
    sight.view = view;
    sight.ask = ask;
    sight.wishes = wishes;
    sight.widest = widest;
    sight.packing = rules.packing;
    sight.cpuMilli = request.cpuMilli;
    sum += like(sight);
  }
  return asks.length === 0 ? 0 : sum / asks.length;
}
