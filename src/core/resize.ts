// SPDX-License-Identifier: Apache-2.0
// What would a placed pod have after a resize, and has its node room for that? Devices stay the same ones, only
// amounts change: a running process cannot be moved to another device.
//
//   amounts ─▶ slices with them ─▶ beside what others hold ─▶ placement, or why not and what would fit
import { asCut, memoryOn } from './cut.js';
import { type Capacity, type Device, type Hold, physicalMemory } from './device.js';
import { holdsOf, NO_HOLD, ownsDevice } from './hold.js';
import { type Holding, holdsOfHolding } from './holding.js';
import type { DeviceState, NodeView } from './node.js';
import type { Placement, Slice } from './placement.js';
import type { MemoryWish } from './request.js';
import type { ResizeRefusal } from './resize-refusals.js';
import { err, ok, type Result } from './result.js';
import { isSame } from './same.js';
import { type MiB, type MilliCores, restCores, restMiB } from './units.js';

/** New amounts of one container's slices of one vendor's devices. null: as it is. */
export interface SliceChange {
  readonly container: string;
  readonly vendor: string;
  readonly memory: MemoryWish | null;
  readonly cores: MilliCores | null;
}

/** The placement with the new amounts; the same one where nothing changes. */
export function resize(
  holding: Holding | undefined,
  changes: readonly SliceChange[],
  node: NodeView | undefined,
): Result<Placement, ResizeRefusal> {
  if (!isPlaced(holding)) return err({ kind: 'NotPlaced', detail: holding?.trouble ?? '' });
  const before = holding.claim.placement;
  const states = statesOf(node);
  let placement = before;
  for (const change of changes) {
    const changed = withChange(placement, change, states);
    if (!changed.ok) return changed;
    placement = changed.value;
  }
  if (isSame(before, placement)) return ok(before);
  const refusal = crowding({ holding, before, placement, changes, states, node });
  return refusal === null ? ok(placement) : err(refusal);
}

type Placed = Holding & { readonly claim: { readonly kind: 'placed' } };

/** Known for sure: confirmed by the watch, and never changed by others. */
const isPlaced = (holding: Holding | undefined): holding is Placed =>
  holding?.state === 'held' && holding.claim.kind === 'placed' && holding.trouble === '';

type States = ReadonlyMap<string, DeviceState>;

function statesOf(node: NodeView | undefined): States {
  const all = [...(node?.vendors.values() ?? [])].flatMap(({ devices }) => devices);
  return new Map(all.map((state) => [state.device.id, state]));
}

function withChange(
  placement: Placement,
  change: SliceChange,
  states: States,
): Result<Placement, ResizeRefusal> {
  const { container, vendor } = change;
  const row = placement.containers.find(({ name }) => name === container);
  const names = placement.containers.map(({ name }) => name);
  if (row === undefined) return err({ kind: 'NoSlice', container, vendor, names });
  const slices: Slice[] = [];
  let found = 0;
  for (const slice of row.slices) {
    const state = states.get(slice.deviceId);
    if (state === undefined) return err({ kind: 'DeviceUnknown', device: slice.deviceId });
    const isMeant = state.device.vendor === vendor;
    const changed = isMeant ? sliceWith(slice, change, state.device) : ok(slice);
    if (!changed.ok) return changed;
    found += isMeant ? 1 : 0;
    slices.push(changed.value);
  }
  if (found === 0) return err({ kind: 'NoSlice', container, vendor, names });
  const containers = placement.containers.map((each) => (each === row ? { ...each, slices } : each));
  return ok({ containers });
}

function sliceWith(slice: Slice, change: SliceChange, device: Device): Result<Slice, ResizeRefusal> {
  const about = { container: change.container, device: device.id };
  if (ownsDevice(slice, device)) return err({ kind: 'WholeDevice', ...about });
  if (device.cuts?.kind === 'sizes') return err({ kind: 'FixedCut', ...about });
  const memory = change.memory === null ? slice.memory : memoryOn(device, change.memory);
  const cores = asUnits(change.cores ?? slice.cores, device);
  if (memory === slice.memory && cores === slice.cores) return ok(slice);
  const changed = sized(slice, memory, cores);
  if (ownsDevice(changed, device))
    return err({ kind: 'BecomesWhole', ...about, have: physicalMemory(device) });
  return ok(device.physical === undefined ? changed : { ...changed, of: capacityOf(device) });
}

/** How it lives with others stays, as far as that still says something: a ceiling above, compute to borrow beside a limit. */
function sized(slice: Slice, memory: MiB, cores: MilliCores): Slice {
  const { deviceId, isHigh, isAlone, ceiling, isSoft, weight } = slice;
  return {
    ...{ deviceId, memory, cores, isHigh, isAlone },
    ...(ceiling !== undefined && ceiling > memory && { ceiling }),
    ...(isSoft !== undefined && cores > 0 && { isSoft }),
    ...(weight !== undefined && cores > 0 && { weight }),
  };
}

const capacityOf = ({ memory, cores, splits }: Device): Capacity => ({ memory, cores, splits });

/** Some devices give compute in whole units. */
function asUnits(cores: MilliCores, device: Device): MilliCores {
  const memory = { kind: 'whole' } as const;
  const slice = {
    vendor: device.vendor,
    count: 1,
    memory,
    cores,
    isExclusive: false,
    priority: 'low',
  } as const;
  return asCut(device, slice)?.cores ?? cores;
}

interface Question {
  readonly holding: Holding;
  readonly before: Placement;
  readonly placement: Placement;
  readonly changes: readonly SliceChange[];
  readonly states: States;
  readonly node: NodeView | undefined;
}

/** Whoever gives up may always; who wants more gets it beside what all others hold. The tightest device tells. */
function crowding(question: Question): ResizeRefusal | null {
  const { holding, before, placement, states } = question;
  const deviceOf = (id: string): Device | undefined => states.get(id)?.device;
  const had = holdsOf(before, holding.containers, deviceOf);
  const own = holdsOfHolding(holding, deviceOf);
  let worst: ResizeRefusal | null = null;
  for (const [id, wanted] of holdsOf(placement, holding.containers, deviceOf)) {
    const state = states.get(id);
    const amounts = { wanted, had: had.get(id) ?? NO_HOLD, own: own.get(id) ?? NO_HOLD };
    if (state === undefined || !isMore(wanted, amounts.had)) continue;
    const closed = closedOf(question, state);
    if (closed !== null) return closed;
    worst = tighter(worst, shortOf(question, state, amounts));
  }
  return worst;
}

function closedOf({ node }: Question, { device, isCordoned }: DeviceState): ResizeRefusal | null {
  const heldBy = node?.heldBy ?? null;
  if (heldBy !== null) return { kind: 'HeldByUnreadablePlacement', pod: heldBy };
  return !device.isHealthy || isCordoned ? { kind: 'DeviceClosed', device: device.id } : null;
}

function tighter(a: ResizeRefusal | null, b: ResizeRefusal | null): ResizeRefusal | null {
  if (a === null || b === null) return a ?? b;
  return fitOf(b) < fitOf(a) ? b : a;
}

const isMore = (a: Hold, b: Hold): boolean => a.memory > b.memory || a.cores > b.cores;

interface Amounts {
  readonly wanted: Hold;
  readonly had: Hold;
  /** Of the pod now, a resize under way included: what the others hold is the rest. */
  readonly own: Hold;
}

/** What would fit: this container's slice with so much less as is lacking. */
function shortOf(
  { placement, changes }: Question,
  { device, hold }: DeviceState,
  { wanted, had, own }: Amounts,
): ResizeRefusal | null {
  const lackingMemory = hold.memory - own.memory + wanted.memory - device.memory;
  const lackingCores = hold.cores - own.cores + wanted.cores - device.cores;
  const isMemoryShort = wanted.memory > had.memory && lackingMemory > 0;
  if (!isMemoryShort && !(wanted.cores > had.cores && lackingCores > 0)) return null;
  const [first] = placement.containers.flatMap(({ name, slices }) =>
    slices
      .filter(({ deviceId }) => deviceId === device.id && changes.some(({ container }) => container === name))
      .map(({ memory, cores }) => ({ container: name, memory, cores })),
  );
  const { container = '', memory = wanted.memory, cores = wanted.cores } = first ?? {};
  const about = { container, device: device.id };
  return isMemoryShort
    ? { kind: 'MemoryShort', ...about, want: memory, fits: restMiB(memory, lackingMemory as MiB) }
    : { kind: 'CoresShort', ...about, want: cores, fits: restCores(cores, lackingCores as MilliCores) };
}

const fitOf = (refusal: ResizeRefusal): number => ('fits' in refusal ? refusal.fits : 0);

/** Whether some slice has less memory than before: what is held above it stays until it is freed. */
export function shrinksMemory(before: Placement, after: Placement): boolean {
  return pairsOf(before, after).some(([was, is]) => is.memory < was.memory);
}

/** Whether some slice has more than before. */
export function grows(before: Placement, after: Placement): boolean {
  return pairsOf(before, after).some(([was, is]) => is.memory > was.memory || is.cores > was.cores);
}

/** The same slices in other amounts, and nothing else: all that a running container can be given. */
export function isResizeOf(before: Placement, after: Placement): boolean {
  const bare = ({ containers }: Placement): string =>
    JSON.stringify(
      containers.map(({ name, slices }) => [
        name,
        slices.map(({ deviceId, isHigh, isAlone }) => [deviceId, isHigh, isAlone]),
      ]),
    );
  return bare(before) === bare(after);
}

function pairsOf(before: Placement, after: Placement): readonly (readonly [Slice, Slice])[] {
  const slicesOf = ({ containers }: Placement): readonly Slice[] =>
    containers.flatMap(({ slices }) => slices);
  const was = slicesOf(before);
  return slicesOf(after).flatMap((slice, at) => {
    const earlier = was[at];
    return earlier === undefined ? [] : [[earlier, slice] as const];
  });
}
