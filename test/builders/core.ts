// SPDX-License-Identifier: Apache-2.0
// Builders name only what matters to a test; the rest is an everyday value.
import type { Device, Hold } from '../../src/core/device.js';
import { NO_HOLD } from '../../src/core/hold.js';
import type { Assumption } from '../../src/core/ledger.js';
import type { Sighting } from '../../src/core/holding.js';
import { type DeviceState, type NodeFacts, type NodeView, UNTOLD } from '../../src/core/node.js';
import { slotsWanted } from '../../src/core/phases.js';
import type { Placement } from '../../src/core/placement.js';
import type {
  ContainerKind,
  ContainerRequest,
  MemoryWish,
  PodRequest,
  SliceRequest,
} from '../../src/core/request.js';
import { ANY_DEVICE } from '../../src/core/request.js';
import { mib, milliCores, WHOLE_DEVICE } from '../../src/core/units.js';
import { NOTHING_HELD, viewOf } from '../../src/core/view.js';

type Loose<T> = { readonly [K in keyof T]?: T[K] extends number ? number : T[K] };

/** 40 GiB, 10 splits. */
export function aDevice(named: Loose<Device> = {}): Device {
  const { memory = 40_960, cores = 1000, ...rest } = named;
  const everyday = { id: 'GPU-0', vendor: 'nvidia', index: 0, model: 'NVIDIA A100-SXM4-40GB', splits: 10 };
  const health = { numa: null, isHealthy: true, reason: '' };
  return { ...everyday, ...health, memory: mib(memory), cores: milliCores(cores), ...rest };
}

export function aHold(named: Loose<Hold> = {}): Hold {
  const { memory = 0, cores = 0, highMemory = 0, highCores = 0, ...rest } = named;
  const high = { highMemory: mib(highMemory), highCores: milliCores(highCores) };
  return { ...NO_HOLD, memory: mib(memory), cores: milliCores(cores), ...high, ...rest };
}

export function aState(device: Loose<Device> = {}, hold: Loose<Hold> = {}, isCordoned = false): DeviceState {
  return { device: aDevice(device), hold: aHold(hold), isCordoned };
}

/** One device of 4096 MiB and no cores unless said. */
export function aWish(
  named: Partial<Omit<SliceRequest, 'cores' | 'memory'>> & {
    cores?: number;
    memory?: number | MemoryWish;
  } = {},
): SliceRequest {
  const { memory = 4096, cores = 0, ...rest } = named;
  const wish: MemoryWish = typeof memory === 'number' ? { kind: 'fixed', memory: mib(memory) } : memory;
  const isExclusive = wish.kind === 'whole' || cores >= WHOLE_DEVICE;
  const everyday = { vendor: 'nvidia', count: 1, priority: 'low' as const };
  return { ...everyday, memory: wish, cores: milliCores(cores), isExclusive, ...rest };
}

export const WHOLE: SliceRequest = aWish({ memory: { kind: 'whole' }, cores: 1000 });

export function aContainer(
  name: string,
  kind: ContainerKind,
  ...slices: readonly SliceRequest[]
): ContainerRequest {
  return { name, kind, slices };
}

/** A pod of one app container, or of the containers given. */
export function aRequest(
  of: SliceRequest | readonly ContainerRequest[] = aWish(),
  rest: Partial<Omit<PodRequest, 'containers'>> = {},
): PodRequest {
  const isOne = !Array.isArray(of);
  const containers = isOne
    ? [aContainer('main', 'app', of as SliceRequest)]
    : (of as readonly ContainerRequest[]);
  return {
    containers,
    choice: ANY_DEVICE,
    nodePolicy: null,
    devicePolicy: null,
    numa: null,
    cpuMilli: 0,
    ...rest,
  };
}

/** A node of the devices given (two everyday ones when none are), 20 slots. */
export function someFacts(named: Partial<NodeFacts> & { readonly slotCount?: number } = {}): NodeFacts {
  const { slotCount = 20, ...rest } = named;
  const devices = [aDevice({ id: 'GPU-0', index: 0 }), aDevice({ id: 'GPU-1', index: 1 })];
  const slots = new Map([['nvidia', slotCount]]);
  return { name: 'n1', devices, unreadable: new Map(), slots, cordoned: new Set(), ...UNTOLD, ...rest };
}

/** A view of the facts with nothing held, or with holds by device id. */
export function aNode(
  facts: Parameters<typeof someFacts>[0] = {},
  holds: Record<string, Loose<Hold>> = {},
): NodeView {
  const view = viewOf(someFacts(facts), NOTHING_HELD, { revision: 1, ordinal: 0 });
  const vendors = new Map(
    [...view.vendors].map(([vendor, { devices, totals, ...rest }]) => {
      const held = devices.map((state) => ({ ...state, hold: aHold(holds[state.device.id] ?? {}) }));
      const sum = (of: (hold: Hold) => number): number => held.reduce((all, { hold }) => all + of(hold), 0);
      const heldOf = {
        heldMemory: sum(({ memory }) => memory),
        heldCores: sum(({ cores }) => cores),
        heldSlices: sum(({ slices }) => slices),
      };
      return [vendor, { ...rest, totals: { ...totals, ...heldOf }, devices: held }] as const;
    }),
  );
  return { ...view, vendors };
}

/** container → [device, MiB, milli-cores] … */
export function aPlacement(of: Record<string, readonly (readonly [string, number, number?])[]>): Placement {
  const containers = Object.entries(of).map(([name, rows]) => ({
    name,
    slices: rows.map(([deviceId, memory, cores = 0]) => ({
      deviceId,
      memory: mib(memory),
      cores: milliCores(cores),
      isHigh: false,
      isAlone: false,
    })),
  }));
  return { containers };
}

export function aSighting(named: Partial<Sighting> = {}): Sighting {
  return {
    uid: 'u1',
    pod: 'default/p1',
    node: 'n1',
    containers: [{ name: 'main', kind: 'app' }],
    slots: new Map([['nvidia', 1]]),
    isInitOnly: false,
    cpuMilli: 0,
    claim: { kind: 'placed', placement: aPlacement({ main: [['GPU-0', 4096]] }) },
    ...named,
  };
}

export function anAssumption(
  request: PodRequest,
  placement: Placement,
  named: Partial<Assumption> = {},
): Assumption {
  return {
    uid: 'u1',
    pod: 'default/p1',
    node: 'n1',
    containers: request.containers.map(({ name, kind }) => ({ name, kind })),
    slots: slotsWanted(request),
    isInitOnly: false,
    cpuMilli: 0,
    placement,
    until: 60_000,
    ...named,
  };
}
