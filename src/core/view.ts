// SPDX-License-Identifier: Apache-2.0
// From what a node says and what is held there to the NodeView that placing reads.
import type { Device, Hold } from './device.js';
import { addHold, type Holds, NO_HOLD } from './hold.js';
import type { Holding } from './holding.js';
import type { DeviceState, NodeFacts, NodeView, Totals, VendorView } from './node.js';

/** A holding with what it holds of this node's devices, worked out. */
export interface WeighedHolding {
  readonly holding: Holding;
  readonly holds: Holds;
}

export function viewOf(facts: NodeFacts, held: Iterable<WeighedHolding>, revision: number): NodeView {
  const sum = sumOf(held);
  const vendors = new Map<string, VendorView>();
  for (const vendor of vendorsOfNode(facts)) {
    const devices = facts.devices
      .filter((device) => device.vendor === vendor)
      .map((device) => stateOf(device, facts, sum.holds));
    devices.sort((a, b) => a.device.index - b.device.index);
    vendors.set(vendor, {
      devices,
      totals: totalsOf(devices),
      slots: facts.slots.get(vendor) ?? 0,
      slotsUsed: sum.slots.get(vendor) ?? 0,
      unreadable: facts.unreadable.get(vendor) ?? null,
    });
  }
  return { name: facts.name, revision, vendors, heldBy: sum.heldBy, initOnly: sum.initOnly };
}

interface Sum {
  readonly holds: Map<string, Hold>;
  readonly slots: Map<string, number>;
  heldBy: string | null;
  initOnly: string | null;
}

function sumOf(held: Iterable<WeighedHolding>): Sum {
  const sum: Sum = { holds: new Map(), slots: new Map(), heldBy: null, initOnly: null };
  for (const { holding, holds } of held) {
    for (const [id, hold] of holds) sum.holds.set(id, addHold(sum.holds.get(id) ?? NO_HOLD, hold));
    for (const [vendor, count] of holding.slots) sum.slots.set(vendor, (sum.slots.get(vendor) ?? 0) + count);
    if (holding.claim.kind === 'unreadable') sum.heldBy = holding.pod;
    if (holding.isInitOnly && holding.claim.kind === 'placed') sum.initOnly = holding.pod;
  }
  return sum;
}

function vendorsOfNode(facts: NodeFacts): ReadonlySet<string> {
  return new Set([...facts.devices.map((device) => device.vendor), ...facts.unreadable.keys()]);
}

function stateOf(device: Device, { cordoned }: NodeFacts, holds: ReadonlyMap<string, Hold>): DeviceState {
  const isCordoned = cordoned === 'all' || cordoned.has(device.id);
  return { device, hold: holds.get(device.id) ?? NO_HOLD, isCordoned };
}

function totalsOf(devices: readonly DeviceState[]): Totals {
  const sum = (amount: (state: DeviceState) => number): number =>
    devices.reduce((all, state) => all + amount(state), 0);
  return {
    memory: sum(({ device }) => device.memory),
    heldMemory: sum(({ hold }) => hold.memory),
    cores: sum(({ device }) => device.cores),
    heldCores: sum(({ hold }) => hold.cores),
    splits: sum(({ device }) => device.splits),
    heldSlices: sum(({ hold }) => hold.slices),
  };
}
