// SPDX-License-Identifier: Apache-2.0
// Which slices would this node give this pod? Deterministic: same request, same view, same answer.
//
// Containers are served in the kubelet's order, each beside those it will run beside (core/hold):
//   init     on top of what others hold and of the sidecars so far
//   sidecar  the same, and stays
//   app      on top of others, all sidecars and the apps so far
import type { Device, Hold } from './device.js';
import { fit, misfit, sliceOn, type Wish } from './fit.js';
import { addHold, holdsOfContainer, NO_HOLD, peakHold } from './hold.js';
import type { DeviceState, NodeView, VendorView } from './node.js';
import { asWritten, hasChoiceOfOrder, largestFirst, type Order } from './order.js';
import { isInitOnly, slotsWanted } from './phases.js';
import type { ContainerPlacement, Placement, Slice } from './placement.js';
import { devicePolicyOf, type PlacingRules, type Policy } from './policies.js';
import type { PreparedPod } from './prepared.js';
import type { DeviceRefusal, NodeRefusal } from './refusal.js';
import type { ContainerKind, ContainerRequest, PodRequest } from './request.js';
import { err, ok, type Result } from './result.js';
import { fillWith } from './trial.js';

export function place(
  request: PodRequest,
  node: NodeView,
  rules: PlacingRules,
): Result<Placement, NodeRefusal> {
  const closed = refuseNode(request, node);
  if (closed !== null) return err(closed);
  const policy = devicePolicyOf(request.devicePolicy ?? rules.devicePolicy);
  const first = placeInOrder(request, node, { policy, order: asWritten(request) });
  if (first.ok || !hasChoiceOfOrder(request)) return first;
  const second = placeInOrder(request, node, {
    policy: devicePolicyOf(['binpack']),
    order: largestFirst(request),
  });
  return second.ok ? second : first;
}

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

function refuseVendor(view: VendorView | undefined, want: number): NodeRefusal | null {
  if (view === undefined) return { kind: 'NoDevices' };
  if (view.unreadable !== null) return { kind: 'InventoryUnreadable', detail: view.unreadable };
  if (view.devices.length === 0) return { kind: 'NoDevices' };
  if (view.slots === 0) return { kind: 'NoSlots', want };
  const free = Math.max(0, view.slots - view.slotsUsed);
  return free < want ? { kind: 'SlotsShort', have: view.slots, free, want } : null;
}

interface Tour {
  readonly policy: Policy;
  readonly order: Order;
}

function placeInOrder(
  request: PodRequest,
  node: NodeView,
  { policy, order }: Tour,
): Result<Placement, NodeRefusal> {
  const desk = new Desk(request, node, policy);
  for (const index of order) {
    const refusal = desk.serve(index);
    if (refusal !== null) return err(refusal);
  }
  return ok({ containers: desk.rows() });
}

type Counts = Map<string, Hold>;

/** Serves one pod's containers on one node; lives for one call of place. */
class Desk {
  private readonly slices: Slice[][];
  private readonly sidecars: Counts = new Map();
  private readonly running: Counts = new Map();
  private readonly peak: Counts = new Map();

  constructor(
    private readonly request: PodRequest,
    private readonly node: NodeView,
    private readonly policy: Policy,
  ) {
    this.slices = request.containers.map(() => []);
  }

  serve(index: number): NodeRefusal | null {
    const container = this.request.containers[index] as ContainerRequest;
    for (const slice of container.slices) {
      const chosen = this.choose(container.kind, { slice, choice: this.request.choice });
      if (!chosen.ok) return chosen.error;
      this.slices[index]?.push(...chosen.value.map(({ device }) => sliceOn(device, slice)));
    }
    this.book(container, this.slices[index] ?? []);
    return null;
  }

  rows(): readonly ContainerPlacement[] {
    return this.request.containers
      .map(({ name }, index) => ({ name, slices: this.slices[index] ?? [] }))
      .filter(({ slices }) => slices.length > 0);
  }

  private choose(kind: ContainerKind, wish: Wish): Result<readonly DeviceState[], NodeRefusal> {
    const { count, vendor } = wish.slice;
    const devices = this.node.vendors.get(vendor)?.devices ?? [];
    if (devices.length < count) return err({ kind: 'TooFewDevices', have: devices.length, want: count });
    const beside = kind === 'init' ? this.sidecars : this.running;
    const fitting: Liked[] = [];
    for (const state of devices) {
      const hold = withOwn(state.hold, beside.get(state.device.id));
      if (misfit(state, hold, wish) === null) fitting.push({ state, like: this.likeOf(state, wish) });
    }
    if (fitting.length < count) return err(this.refuseAll(devices, beside, wish));
    fitting.sort((a, b) => b.like - a.like || a.state.device.index - b.state.device.index);
    return ok(fitting.slice(0, count).map(({ state }) => state));
  }

  /** Liked by all that this pod will ever hold there: what its init container paid for is there anyway. */
  private likeOf(state: DeviceState, wish: Wish): number {
    const hold = withOwn(state.hold, this.peak.get(state.device.id));
    return this.policy.like(fillWith(state.device, hold, wish.slice));
  }

  private refuseAll(devices: readonly DeviceState[], beside: Counts, wish: Wish): NodeRefusal {
    const refusals: Record<string, DeviceRefusal> = {};
    for (const state of devices) {
      const seen = { ...state, hold: withOwn(state.hold, beside.get(state.device.id)) };
      const answer = fit(seen, wish);
      if (!answer.ok) refusals[state.device.id] = answer.error;
    }
    const fits = devices.length - Object.keys(refusals).length;
    return { kind: 'NoDeviceFits', want: wish.slice.count, fit: fits, devices: refusals };
  }

  private book({ name, kind }: ContainerRequest, slices: readonly Slice[]): void {
    if (slices.length === 0) return;
    const deviceOf = (id: string): Device | undefined => this.deviceOf(id);
    for (const [id, hold] of holdsOfContainer({ name, slices }, deviceOf)) {
      if (kind === 'init') {
        this.raise(id, withOwn(hold, this.sidecars.get(id)));
        continue;
      }
      if (kind === 'sidecar') this.sidecars.set(id, withOwn(hold, this.sidecars.get(id)));
      const running = withOwn(hold, this.running.get(id));
      this.running.set(id, running);
      this.raise(id, running);
    }
  }

  private raise(id: string, hold: Hold): void {
    this.peak.set(id, peakHold(this.peak.get(id) ?? NO_HOLD, hold));
  }

  private deviceOf(id: string): Device | undefined {
    for (const { devices } of this.node.vendors.values()) {
      const found = devices.find(({ device }) => device.id === id);
      if (found !== undefined) return found.device;
    }
    return undefined;
  }
}

interface Liked {
  readonly state: DeviceState;
  readonly like: number;
}

const withOwn = (hold: Hold, own: Hold | undefined): Hold => (own === undefined ? hold : addHold(hold, own));

/** place without its answer: does the pod fit? Answered without allocating. */
export function canPlace({ request, only, isInitOnly, trials }: PreparedPod, node: NodeView): boolean {
  if (only === null) return refuseNode(request, node) === null && trials.some((trial) => trial.fits(node));
  const view = node.vendors.get(only.slice.vendor);
  if (view === undefined || view.unreadable !== null || node.heldBy !== null) return false;
  if (view.slots - view.slotsUsed < only.slice.count || (isInitOnly && node.initOnly !== null)) return false;
  return hasRoom(view.devices, only);
}

function hasRoom(devices: readonly DeviceState[], wish: Wish): boolean {
  let fits = 0;
  for (const state of devices) {
    if (misfit(state, state.hold, wish) === null) fits += 1;
    if (fits === wish.slice.count) return true;
  }
  return false;
}
