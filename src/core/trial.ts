// SPDX-License-Identifier: Apache-2.0
// place without its answer, for thousands of nodes: would the pod fit?
// The same choices as core/place makes (a property test holds them together), on rows that are kept from node
// to node, so that nothing is allocated per node.
import type { Device, Hold } from './device.js';
import { asCut, memoryOn } from './cut.js';
import { misfit, type Wish } from './fit.js';
import type { Misfits } from './misfits.js';
import { NO_HOLD } from './hold.js';
import type { DeviceState, NodeView } from './node.js';
import type { Policy } from './policies.js';
import { type Tally, add, copy, raise, tally } from './tally.js';
import type { ContainerKind } from './request.js';
import { type MiB, type MilliCores, WHOLE_DEVICE } from './units.js';

export interface TrialContainer {
  readonly kind: ContainerKind;
  readonly wishes: readonly Wish[];
}

/** What the pod under trial has of one device so far. */
interface Row {
  readonly own: Tally;
  readonly sidecars: Tally;
  readonly running: Tally;
  readonly peak: Tally;
  like: number;
  isFitting: boolean;
}

export class Trial {
  private readonly rows: Row[] = [];
  private readonly seen = tally();
  private node: NodeView | null = null;
  /** The container and the wish that could not be served. */
  private stop: { readonly kind: ContainerKind; readonly wish: Wish } | null = null;

  constructor(
    private readonly containers: readonly TrialContainer[],
    private readonly policy: Policy,
  ) {}

  fits(node: NodeView): boolean {
    this.node = node;
    this.stop = null;
    this.reset();
    for (const container of this.containers) if (!this.serve(container)) return false;
    return true;
  }

  /** Tells what stops the pod on this node, device by device. Devices wanted; null where nothing does. */
  tellStop(node: NodeView, misfits: Misfits): number | null {
    if (this.fits(node) || this.stop === null) return null;
    const { kind, wish } = this.stop;
    const devices = this.devicesOf(wish);
    const base = this.baseOf(wish);
    for (let at = 0; at < devices.length; at++) {
      const state = devices[at] as DeviceState;
      misfits.see(state, this.holdBeside(state, this.rows[base + at] as Row, kind), wish);
    }
    return wish.slice.count;
  }

  private reset(): void {
    let all = 0;
    for (const { devices } of this.node?.vendors.values() ?? []) all += devices.length;
    while (this.rows.length < all) this.rows.push(emptyRow());
    for (let at = 0; at < all; at++) {
      const row = this.rows[at] as Row;
      copy(row.own, NO_HOLD);
      copy(row.sidecars, NO_HOLD);
      copy(row.running, NO_HOLD);
      copy(row.peak, NO_HOLD);
    }
  }

  private serve(container: TrialContainer): boolean {
    const { kind, wishes } = container;
    for (const wish of wishes) {
      if (this.choose(kind, wish)) continue;
      this.stop = { kind, wish };
      return false;
    }
    if (wishes.length > 0) for (const row of this.rows) if (row.own.slices > 0) book(row, kind);
    return true;
  }

  private choose(kind: ContainerKind, wish: Wish): boolean {
    const devices = this.devicesOf(wish);
    const base = this.baseOf(wish);
    let fitting = 0;
    for (let at = 0; at < devices.length; at++) {
      const state = devices[at] as DeviceState;
      const row = this.rows[base + at] as Row;
      row.isFitting = misfit(state, this.holdBeside(state, row, kind), wish) === null;
      if (!row.isFitting) continue;
      fitting += 1;
      row.like = this.likeOf(state, row, wish);
    }
    if (fitting < wish.slice.count) return false;
    for (let left = wish.slice.count; left > 0; left--) this.take(devices, base, wish);
    return true;
  }

  /** The best liked; of equals the first, as place sorts them. */
  private take(devices: readonly DeviceState[], base: number, { slice }: Wish): void {
    let best = -1;
    for (let at = 0; at < devices.length; at++) {
      const row = this.rows[base + at] as Row;
      if (row.isFitting && (best < 0 || row.like > (this.rows[base + best] as Row).like)) best = at;
    }
    const { device } = devices[best] as DeviceState;
    const row = this.rows[base + best] as Row;
    row.isFitting = false;
    const cut = asCut(device, slice) ?? slice;
    const memory = memoryOn(device, cut.memory);
    row.own.memory = (row.own.memory + memory) as MiB;
    row.own.cores = (row.own.cores + cut.cores) as MilliCores;
    row.own.slices += 1;
    row.own.isExclusive ||= cut.cores >= WHOLE_DEVICE || memory >= device.memory;
  }

  private holdBeside(state: DeviceState, row: Row, kind: ContainerKind): Hold {
    copy(this.seen, state.hold);
    return add(this.seen, kind === 'init' ? row.sidecars : row.running);
  }

  private likeOf(state: DeviceState, row: Row, { slice }: Wish): number {
    copy(this.seen, state.hold);
    const hold = add(this.seen, row.peak);
    return this.policy.like(fillWith(state.device, hold, slice));
  }

  private devicesOf({ slice }: Wish): readonly DeviceState[] {
    return this.node?.vendors.get(slice.vendor)?.devices ?? NO_DEVICES;
  }

  /** Where the vendor's rows begin. */
  private baseOf({ slice }: Wish): number {
    let base = 0;
    for (const [vendor, { devices }] of this.node?.vendors ?? []) {
      if (vendor === slice.vendor) return base;
      base += devices.length;
    }
    return base;
  }
}

/** How full the device would be with one slice more: the mean of memory, compute and slices. */
export function fillWith(device: Device, hold: Hold, slice: Wish['slice']): number {
  const cut = asCut(device, slice) ?? slice;
  return (
    (share(hold.memory + memoryOn(device, cut.memory), device.memory) +
      share(hold.cores + cut.cores, device.cores) +
      share(hold.slices + 1, device.splits)) /
    3
  );
}

const share = (held: number, all: number): number => (all === 0 ? 1 : held / all);
const NO_DEVICES: readonly DeviceState[] = [];

function emptyRow(): Row {
  const tallies = { own: tally(), sidecars: tally(), running: tally(), peak: tally() };
  return { ...tallies, like: 0, isFitting: false };
}

function book(row: Row, kind: ContainerKind): void {
  if (kind === 'init') {
    raise(row.peak, add(row.own, row.sidecars));
  } else {
    if (kind === 'sidecar') add(row.sidecars, row.own);
    raise(row.peak, add(row.running, row.own));
  }
  copy(row.own, NO_HOLD);
}
