// SPDX-License-Identifier: Apache-2.0
// Why a node cannot hold a pod, in full.
import type { Hold } from './device.js';
import { describeMisfit, misfit } from './fit.js';
import type { NodeView, VendorView } from './node.js';
import { isInitOnly, slotsWanted } from './phases.js';
import type { PreparedPod } from './prepared.js';
import type { DeviceRefusal, NodeRefusal } from './refusal.js';
import type { PodRequest } from './request.js';
import type { Trial, TrialTask } from './trial.js';

/** The reasons that hold for the whole node, before any device is looked at. */
export function refuseNode(request: PodRequest, node: NodeView): NodeRefusal | null {
  if (node.heldBy !== null) return { kind: 'HeldByUnreadablePlacement', pod: node.heldBy };
  for (const [vendor, want] of slotsWanted(request)) {
    const refusal = refuseVendor(node.vendors.get(vendor), want);
    if (refusal !== null) return refusal;
  }
  if (node.initOnly !== null && isInitOnly(request)) return { kind: 'InitOnlyInFlight', pod: node.initOnly };
  return null;
}

/** refuseNode without its answer, for thousands of nodes. */
export function isClosed({ wants, isInitOnly: initOnly }: PreparedPod, node: NodeView): boolean {
  if (node.heldBy !== null || (initOnly && node.initOnly !== null)) return true;
  for (let at = 0; at < wants.length; at++) {
    const { vendor, want } = wants[at] as PreparedPod['wants'][number];
    const view = node.vendors.get(vendor);
    if (view === undefined || view.unreadable !== null || view.devices.length === 0) return true;
    if (view.slots - view.slotsUsed < want) return true;
  }
  return false;
}

function refuseVendor(view: VendorView | undefined, want: number): NodeRefusal | null {
  if (view === undefined) return { kind: 'NoDevices' };
  if (view.unreadable !== null) return { kind: 'InventoryUnreadable', detail: view.unreadable };
  if (view.devices.length === 0) return { kind: 'NoDevices' };
  if (view.slots === 0) return { kind: 'NoSlots', want };
  const free = Math.max(0, view.slots - view.slotsUsed);
  return free < want ? { kind: 'SlotsShort', have: view.slots, free, want } : null;
}

/** Why the task of this trial that failed on the node just tried did. */
export function refuseTask(trial: Trial, { wish }: TrialTask, node: NodeView): NodeRefusal {
  const devices = node.vendors.get(wish.slice.vendor)?.devices ?? [];
  const want = wish.slice.count;
  if (devices.length < want) return { kind: 'TooFewDevices', have: devices.length, want };
  const refusals: Record<string, DeviceRefusal> = {};
  const numas: Record<string, number> = {};
  for (const [at, state] of devices.entries()) {
    const hold: Hold = { ...trial.metOn(at) };
    const kind = misfit(state, hold, wish);
    const { id, numa } = state.device;
    if (kind !== null) refusals[id] = describeMisfit(kind, { ...state, hold }, wish);
    else if (numa !== null) numas[numa] = (numas[numa] ?? 0) + 1;
  }
  const fit = devices.length - Object.keys(refusals).length;
  return fit < want
    ? { kind: 'NoDeviceFits', want, fit, devices: refusals }
    : { kind: 'NumaShort', want, fit: numas };
}
