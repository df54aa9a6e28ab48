// SPDX-License-Identifier: Apache-2.0
// From what a node says and what is held there to the NodeView that placing reads.
//
//   facts changed ─▶ viewOf: all of it anew        a pod came or went ─▶ viewAfter: its devices, all else shared
import { type CpuBeside, NONE_BESIDE } from './bystanders.js';
import type { Device, Hold } from './device.js';
import { addHold, type Holds, NO_HOLD } from './hold.js';
import type { Holding } from './holding.js';
import type { DeviceState, NodeFacts, NodeView, Totals, VendorView } from './node.js';
import { isSame } from './same.js';
import { type LinkMatrix, numaLinks } from './topology.js';

/** A holding with what it holds of this node's devices, worked out. */
export interface WeighedHolding {
  readonly holding: Holding;
  readonly holds: Holds;
}

/** The view would be the same with the one for the other: as when the watch confirms what was assumed. */
export function weighsSame(a: WeighedHolding, b: WeighedHolding): boolean {
  return (
    a.holding.claim.kind === b.holding.claim.kind &&
    a.holding.isInitOnly === b.holding.isInitOnly &&
    a.holding.cpuMilli === b.holding.cpuMilli &&
    isSame(a.holds, b.holds) &&
    isSame(a.holding.slots, b.holding.slots)
  );
}

/** When and where in the ledger (see NodeView). */
export interface Stamp extends Pick<NodeView, 'revision' | 'ordinal'> {
  /** Of pods that ask for no device; absent: there are none. */
  readonly beside?: CpuBeside;
}

export function viewOf(
  facts: NodeFacts,
  held: Iterable<WeighedHolding>,
  { revision, ordinal, beside = NONE_BESIDE }: Stamp,
): NodeView {
  const ids = facts.devices.map(({ id }) => id);
  const sum = sumOf(held, ids);
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
      ...linksOf(facts.links.get(vendor), devices),
    });
  }
  return {
    name: facts.name,
    revision,
    ordinal,
    facts,
    vendors,
    heldBy: sum.heldBy,
    initOnly: sum.initOnly,
    labels: facts.labels,
    cpu: cpuOf(facts, sum, beside),
  };
}

/** What one event changed: the pods there now, and the devices of the pod that came or went. */
export interface Turn {
  readonly held: Iterable<WeighedHolding>;
  readonly touched: ReadonlySet<string>;
  readonly revision: number;
  readonly facts: NodeFacts;
  readonly beside: CpuBeside;
}

/** `before` with the touched devices summed anew; their sums are taken whole, so that nothing can drift. */
export function viewAfter(before: NodeView, { held, touched, revision, facts, beside }: Turn): NodeView {
  const sum = sumOf(held, touched);
  const vendors = new Map<string, VendorView>();
  for (const [vendor, view] of before.vendors) {
    const slotsUsed = sum.slots.get(vendor) ?? 0;
    const devices = statesAfter(view.devices, sum.holds);
    const totals = devices === view.devices ? view.totals : totalsOf(devices);
    vendors.set(vendor, { ...view, devices, totals, slotsUsed });
  }
  const cpu = cpuOf(facts, sum, beside);
  return { ...before, revision, vendors, heldBy: sum.heldBy, initOnly: sum.initOnly, cpu };
}

/** The same array where no device was touched. */
function statesAfter(
  states: readonly DeviceState[],
  holds: ReadonlyMap<string, Hold>,
): readonly DeviceState[] {
  let changed: DeviceState[] | null = null;
  for (let at = 0; at < states.length; at++) {
    const state = states[at] as DeviceState;
    const hold = holds.get(state.device.id);
    if (hold === undefined) continue;
    changed ??= [...states];
    changed[at] = { ...state, hold };
  }
  return changed ?? states;
}

/** A matrix of another size than there are devices tells nothing of them. */
function linksOf(
  told: LinkMatrix | undefined,
  states: readonly DeviceState[],
): Pick<VendorView, 'links' | 'pairs'> {
  const links = told?.size === states.length ? told : null;
  return { links, pairs: links ?? numaLinks(states.map(({ device }) => device)) };
}

interface Sum {
  /** Of each device asked about, also where nothing is held. */
  readonly holds: Map<string, Hold>;
  readonly slots: Map<string, number>;
  cpuMilli: number;
  heldBy: string | null;
  initOnly: string | null;
}

function sumOf(held: Iterable<WeighedHolding>, devices: Iterable<string>): Sum {
  const sum: Sum = { holds: new Map(), slots: new Map(), cpuMilli: 0, heldBy: null, initOnly: null };
  for (const id of devices) sum.holds.set(id, NO_HOLD);
  for (const { holding, holds } of held) {
    for (const [id, hold] of holds) {
      const before = sum.holds.get(id);
      if (before !== undefined) sum.holds.set(id, addHold(before, hold));
    }
    for (const [vendor, count] of holding.slots) sum.slots.set(vendor, (sum.slots.get(vendor) ?? 0) + count);
    sum.cpuMilli += holding.cpuMilli;
    if (holding.claim.kind === 'unreadable') sum.heldBy = holding.pod;
    if (holding.isInitOnly && holding.claim.kind === 'placed') sum.initOnly = holding.pod;
  }
  return sum;
}

function cpuOf({ cpuMilli }: NodeFacts, sum: Sum, { own, others }: CpuBeside): NodeView['cpu'] {
  return { allocatable: cpuMilli - own, held: sum.cpuMilli + others };
}

function vendorsOfNode(facts: NodeFacts): ReadonlySet<string> {
  return new Set([...facts.devices.map((device) => device.vendor), ...facts.unreadable.keys()]);
}

function stateOf(device: Device, { cordoned }: NodeFacts, holds: ReadonlyMap<string, Hold>): DeviceState {
  const isCordoned = cordoned === 'all' || cordoned.has(device.id);
  return { device, hold: holds.get(device.id) ?? NO_HOLD, isCordoned };
}

function totalsOf(devices: readonly DeviceState[]): Totals {
  const totals = { memory: 0, heldMemory: 0, cores: 0, heldCores: 0, splits: 0, heldSlices: 0 };
  for (const { device, hold } of devices) {
    totals.memory += device.memory;
    totals.heldMemory += hold.memory;
    totals.cores += device.cores;
    totals.heldCores += hold.cores;
    totals.splits += device.splits;
    totals.heldSlices += hold.slices;
  }
  return totals;
}
