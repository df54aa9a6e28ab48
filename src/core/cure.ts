// SPDX-License-Identifier: Apache-2.0
// Would evicting others help? The table of refusals answers for what it sees; where the pod's own containers stand
// in each other's way, or slots ran out before any device was looked at, the emptied node is asked.
import { NO_HOLD } from './hold.js';
import type { NodeView, VendorView } from './node.js';
import { canPlace } from './place.js';
import type { PreparedPod } from './prepared.js';
import type { Curable, NodeRefusal } from './refusal.js';
import { curableOf } from './refusals.js';

export function curableOn(refusal: NodeRefusal, pod: PreparedPod, node: NodeView | undefined): Curable {
  const told = curableOf(refusal);
  if (told === 'never' || node === undefined) return told;
  // One container on one vendor's devices: the table has looked at each device as if it were emptied.
  if (pod.only !== null && refusal.kind === 'NoDeviceFits') return told;
  return canPlace(pod, emptied(node)) ? told : 'never';
}

/** What evicting everybody would leave. */
export function emptied(node: NodeView): NodeView {
  const vendors = new Map([...node.vendors].map(([name, view]) => [name, emptiedVendor(view)]));
  return { ...node, vendors, heldBy: null, initOnly: null };
}

function emptiedVendor(view: VendorView): VendorView {
  const devices = view.devices.map((state) => ({ ...state, hold: NO_HOLD }));
  const totals = { ...view.totals, heldMemory: 0, heldCores: 0, heldSlices: 0 };
  return { ...view, devices, totals, slotsUsed: 0 };
}
