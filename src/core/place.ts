// SPDX-License-Identifier: Apache-2.0
// Which slices would this node give this pod? Deterministic: same request, same view, same answer.
//
// Containers are served in the kubelet's order, each beside those it will run beside (core/hold):
//   init     on top of what others hold and of the sidecars so far
//   sidecar  the same, and stays
//   app      on top of others, all sidecars and the apps so far
import { withNumbers } from './alike.js';
import { hasRoom } from './alone.js';
import { sliceOn, type Wish } from './fit.js';
import type { DeviceState, NodeView } from './node.js';
import type { ContainerPlacement, Placement, Slice } from './placement.js';
import type { PlacingRules } from './policies.js';
import { type PreparedAsk, type PreparedPod, preparePod } from './prepared.js';
import type { NodeRefusal } from './refusal.js';
import { isClosed, refuseNode, refuseTask } from './refuse.js';
import type { PodRequest } from './request.js';
import { err, ok, type Result } from './result.js';
import type { Trial } from './trial.js';

export function place(
  request: PodRequest,
  node: NodeView,
  rules: PlacingRules,
): Result<Placement, NodeRefusal> {
  return placeOn(preparePod(request, rules), node);
}

/** place, where more than one node is asked. */
export function placeOn({ request, trials }: PreparedPod, node: NodeView): Result<Placement, NodeRefusal> {
  const closed = refuseNode(request, node);
  if (closed !== null) return err(closed);
  const found = trials.find((trial) => trial.serve(node));
  if (found !== undefined) return ok(placementOf(request, found, node));
  return err(refusalOf(trials, node));
}

/** As the containers were written is as people read it. */
function refusalOf([first]: readonly Trial[], node: NodeView): NodeRefusal {
  if (first === undefined || first.failed === null) throw new Error('bug: a trial failed without a task');
  return refuseTask(first, first.failed, node);
}

/** Rows of containers that got something, in the request's order. */
function placementOf({ containers }: PodRequest, { tasks }: Trial, node: NodeView): Placement {
  const slices: Slice[][] = containers.map(() => []);
  for (const { container, wish, picked } of tasks) {
    const { devices } = node.vendors.get(wish.slice.vendor) ?? { devices: [] };
    for (const at of picked) slices[container]?.push(sliceOn((devices[at] as DeviceState).device, wish));
  }
  const rows = containers.map(({ name }, at): ContainerPlacement => ({ name, slices: slices[at] ?? [] }));
  return { containers: rows.filter((row) => row.slices.length > 0) };
}

/** place without its answer: does the pod fit? Answered without allocating. */
export function canPlace(pod: PreparedPod, node: NodeView): boolean {
  if (isClosed(pod, node)) return false;
  const { only, trials, asks } = pod;
  for (let at = 0; at < asks.length; at++) if (!hasRoomForEach(asks[at] as PreparedAsk, node)) return false;
  return only !== null || hasFitting(trials, node);
}

/** Each wish by itself: a pod's own containers never make room for one another. */
function hasRoomForEach({ ask, wishes }: PreparedAsk, { vendors }: NodeView): boolean {
  const view = vendors.get(ask.vendor);
  if (view === undefined) return false;
  const list = withNumbers(view.devices);
  for (let at = 0; at < wishes.length; at++) if (!hasRoom(list, wishes[at] as Wish)) return false;
  return true;
}

function hasFitting(trials: readonly Trial[], node: NodeView): boolean {
  for (let at = 0; at < trials.length; at++) if (trials[at]?.fits(node) === true) return true;
  return false;
}
