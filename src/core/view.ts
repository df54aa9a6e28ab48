// SPDX-License-Identifier: Apache-2.0
// From what a node says and what is held there to the NodeView that placing reads.
//
//   facts changed ─▶ viewOf: all of it anew        a pod came or went ─▶ viewAfter: its devices, all else shared
import { type CpuBeside, NONE_BESIDE } from './bystanders.js';
import type { DeviceState, NodeFacts, NodeView, Totals, VendorView } from './node.js';
import { NodeSum, type WeighedHolding } from './node-sum.js';
import { isSame } from './same.js';
import { type LinkMatrix, numaLinks } from './topology.js';

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
  /** The node as it was, with what is held now of all devices that it still tells the same of: they are shared. */
  readonly before?: NodeView | null;
}

export function viewOf(facts: NodeFacts, sum: NodeSum, stamp: Stamp): NodeView {
  const { revision, ordinal, beside = NONE_BESIDE } = stamp;
  const vendors = new Map<string, VendorView>();
  for (const vendor of vendorsOfNode(facts)) {
    const before = stamp.before?.vendors.get(vendor);
    const devices = statesOf(vendor, { facts, sum, before: before?.devices ?? NO_STATES });
    vendors.set(vendor, {
      devices,
      totals: before?.devices === devices ? before.totals : totalsOf(devices),
      slots: facts.slots.get(vendor) ?? 0,
      slotsUsed: sum.slots(vendor),
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
    initOnly: sum.initOnlyPod,
    labels: facts.labels,
    cpu: cpuOf(facts, sum, beside),
  };
}

/** A node nobody holds anything of. */
export const NOTHING_HELD = new NodeSum(new Map());

type Ids = Pick<ReadonlySet<string>, 'has'>;

/** What one event changed: what is held now, and the devices of the pod that came or went. */
export interface Turn {
  readonly sum: NodeSum;
  readonly touched: Ids;
  readonly revision: number;
  readonly facts: NodeFacts;
  readonly beside: CpuBeside;
}

/** `before` with the touched devices as they are now. */
export function viewAfter(before: NodeView, { sum, touched, revision, facts, beside }: Turn): NodeView {
  const vendors = new Map<string, VendorView>();
  for (const [vendor, view] of before.vendors)
    vendors.set(vendor, vendorAfter(vendor, view, { sum, touched }));
  return {
    name: before.name,
    revision,
    ordinal: before.ordinal,
    facts: before.facts,
    vendors,
    heldBy: sum.heldBy,
    initOnly: sum.initOnlyPod,
    labels: before.labels,
    cpu: cpuOf(facts, sum, beside),
  };
}

function vendorAfter(
  vendor: string,
  view: VendorView,
  { sum, touched }: Pick<Turn, 'sum' | 'touched'>,
): VendorView {
  const slotsUsed = sum.slots(vendor);
  const devices = statesAfter(view.devices, touched, sum);
  if (devices === view.devices && slotsUsed === view.slotsUsed) return view;
  const { totals, slots, unreadable, links, pairs } = view;
  const summed = devices === view.devices ? totals : totalsOf(devices);
  return { devices, totals: summed, slots, slotsUsed, unreadable, links, pairs };
}

/** The same array where no device was touched. */
function statesAfter(states: readonly DeviceState[], touched: Ids, sum: NodeSum): readonly DeviceState[] {
  let changed: DeviceState[] | null = null;
  for (let at = 0; at < states.length; at++) {
    const { device, isCordoned } = states[at] as DeviceState;
    if (!touched.has(device.id)) continue;
    changed ??= [...states];
    changed[at] = { device, hold: sum.hold(device.id), isCordoned };
  }
  return changed ?? states;
}

const NO_STATES: readonly DeviceState[] = [];

interface Told {
  readonly facts: NodeFacts;
  readonly sum: NodeSum;
  readonly before: readonly DeviceState[];
}

/** In order of index; the same array where nothing is other than before, the same state of a device that is not. */
function statesOf(vendor: string, { facts, sum, before }: Told): readonly DeviceState[] {
  const devices = facts.devices.filter((device) => device.vendor === vendor);
  devices.sort((a, b) => a.index - b.index);
  let isAsBefore = devices.length === before.length;
  const states = devices.map((device, at) => {
    const isCordoned = facts.cordoned === 'all' || facts.cordoned.has(device.id);
    const known = before[at];
    if (known?.device === device && known.isCordoned === isCordoned) return known;
    isAsBefore = false;
    return { device, hold: sum.hold(device.id), isCordoned };
  });
  return isAsBefore ? before : states;
}

/** A matrix of another size than there are devices tells nothing of them. */
function linksOf(
  told: LinkMatrix | undefined,
  states: readonly DeviceState[],
): Pick<VendorView, 'links' | 'pairs'> {
  const links = told?.size === states.length ? told : null;
  return { links, pairs: links ?? numaLinks(states.map(({ device }) => device)) };
}

function cpuOf({ cpuMilli }: NodeFacts, sum: NodeSum, { own, others }: CpuBeside): NodeView['cpu'] {
  return { allocatable: cpuMilli - own, held: sum.cpuMilli + others };
}

function vendorsOfNode(facts: NodeFacts): ReadonlySet<string> {
  return new Set([...facts.devices.map((device) => device.vendor), ...facts.unreadable.keys()]);
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
