// SPDX-License-Identifier: Apache-2.0
// Compares what the driver counts with what regions admit, and both with what was given. Pure: readings in, suspicions
// out. What it takes to believe one stands in confirm.ts.
import { foreignBytes, type GivenSlot, isGiven, podOf } from '../core/given.js';
import type { Slice } from '../core/placement.js';
import { BYTES_PER_MIB } from '../core/units.js';
import type { RegionDevice } from '../wire/region.js';
import { ENFORCEMENT_OFF, type SlotRecord } from '../wire/slots.js';
import type { Drift, EscapeReason, Holder, Sight, SlotFiles, Suspicion } from './escape.js';
import { filesSuspicions } from './slot-files.js';

/** What the driver takes for itself and nobody can ask for: code, heaps, tables. Below it nothing is said. */
export const DRIFT_TOLERANCE_BYTES = 256 * BYTES_PER_MIB;

export interface Judgement {
  readonly suspicions: readonly Suspicion[];
  readonly drifts: readonly Drift[];
  /** Device → bytes of processes that nobody gave a slice of it. */
  readonly foreign: ReadonlyMap<string, number>;
  /** Slot and device → the most it was ever given, for the next look. */
  readonly allowed: ReadonlyMap<string, number>;
}

/** `allowed`: of the look before. */
export function judge(seen: Sight, allowed: ReadonlyMap<string, number> = new Map()): Judgement {
  const given = seen.slots.map(givenSlot);
  const holders = seen.holders.map((holder) => ({ ...holder, podUid: podOf(holder, given) }));
  const sight = { ...seen, holders };
  const held = sight.slots.filter(isHeld);
  const parts = held.flatMap((slot) => slot.slices.map((_, index) => partOf(sight, { slot, index })));
  const strangers = holders.filter((holder) => !isGiven(holder, given));
  const next = new Map(parts.map((part) => [part.key, allowedOf(part, allowed.get(part.key))]));
  return {
    suspicions: [
      ...held.flatMap((slot) => filesSuspicions(slot, sight)),
      ...parts.flatMap((part) => partSuspicions(part, next.get(part.key) ?? 0)),
      ...(sight.isCurrent ? strangers.map((holder) => strangerSuspicion(sight, holder)) : []),
    ],
    drifts: parts.map(({ slot, slice, drift }) => ({
      ...{ slot: slot.slot, deviceId: slice.deviceId, bytes: Math.max(0, drift) },
    })),
    foreign: foreignBytes(holders, given),
    allowed: next,
  };
}

/** A vendor whose slices nobody enforces has neither page nor region. */
const isHeld = ({ enforcement }: SlotRecord): boolean => enforcement !== ENFORCEMENT_OFF;

const givenSlot = ({ slot, pod, slices }: SlotRecord): GivenSlot => ({
  slot,
  podUid: pod.uid,
  deviceIds: slices.map(({ deviceId }) => deviceId),
});

/** One slice, who holds memory of its device for it, and what its region says. */
interface Part {
  readonly key: string;
  readonly slot: SlotRecord;
  readonly slice: Slice;
  readonly files: SlotFiles | undefined;
  readonly told: RegionDevice | undefined;
  readonly holders: readonly Holder[];
  readonly countedBytes: number;
  readonly drift: number;
  readonly isSteady: boolean;
  readonly index: number;
}

function partOf(sight: Sight, { slot, index }: { slot: SlotRecord; index: number }): Part {
  const slice = slot.slices[index] as Slice;
  const files = sight.files.get(slot.slot);
  const region = files?.region?.ok === true ? files.region.value : undefined;
  const told = region?.devices[index];
  const holders = sight.holders.filter(
    (holder) => holder.deviceId === slice.deviceId && slotOf(sight, holder) === slot,
  );
  const countedBytes = sum(holders.map(({ usedBytes }) => usedBytes));
  return {
    ...{ key: `${slot.slot}/${slice.deviceId}`, slot, slice, files, told, holders, countedBytes, index },
    drift: told === undefined ? 0 : countedBytes - admittedBy(told),
    isSteady: files?.isSteady[index] ?? false,
  };
}

/** Whoever says less: the device's word, or its processes' rows. */
const admittedBy = ({ usedBytes, classBytes }: RegionDevice): number => Math.min(usedBytes, sum(classBytes));

/** By the files it has mounted, if they are its pod's; else the pod's only slot on that device. */
function slotOf({ slots }: Sight, holder: Holder): SlotRecord | undefined {
  const own = slots.filter(
    ({ pod, slices }) =>
      pod.uid === holder.podUid && slices.some((each) => each.deviceId === holder.deviceId),
  );
  return own.find(({ slot }) => slot === holder.slot) ?? own[0];
}

/** A limit may fall below what is held, and that is no escape; at first sight what is admitted counts as given. */
function allowedOf({ slice, files, told, index }: Part, before: number | undefined): number {
  const page = files?.page?.ok === true ? files.page.value.devices[index] : undefined;
  const limit = Math.max(slice.memory, page?.memory ?? 0) * BYTES_PER_MIB;
  return Math.max(limit, before ?? (told === undefined ? 0 : admittedBy(told)));
}

function partSuspicions(part: Part, allowedBytes: number): readonly Suspicion[] {
  const { slot, slice, drift, countedBytes, holders } = part;
  const about = `container ${slot.container} on ${slice.deviceId}`;
  const found: Suspicion[] = holders
    .filter(({ hasLibrary }) => !hasLibrary)
    .map((holder) => ({
      ...suspicion(part, 'MissingLibrary', [holder]),
      key: `MissingLibrary/${part.key}/${holder.pid}`,
      isSteady: true,
      sentence: `process ${holder.pid} of ${about} holds ${inMiB(holder.usedBytes)} and the library is not in it: nothing limits it`,
    }));
  if (drift > DRIFT_TOLERANCE_BYTES)
    found.push({
      ...suspicion(part, 'Drift', culpritsOf(part)),
      sentence: `the driver counts ${inMiB(countedBytes)} for ${about}, its region admits ${inMiB(countedBytes - drift)}: something allocates past the library`,
    });
  if (countedBytes > allowedBytes + DRIFT_TOLERANCE_BYTES)
    found.push({
      ...suspicion(part, 'OverLimit', culpritsOf(part)),
      isSteady: true,
      sentence: `the driver counts ${inMiB(countedBytes)} for ${about}, it was never given more than ${inMiB(allowedBytes)}`,
    });
  return found;
}

function suspicion(
  part: Part,
  reason: EscapeReason,
  culprits: readonly Holder[],
): Omit<Suspicion, 'sentence'> {
  const { slot, isSteady, key } = part;
  const whose = { pod: slot.pod, container: slot.container, slot: slot.slot };
  return { key: `${reason}/${key}`, reason, ...whose, culprits, isSteady };
}

/** Those whose own row admits too little; all of them where no row tells. */
function culpritsOf({ holders, files, index }: Part): readonly Holder[] {
  const rows = files?.region?.ok === true ? files.region.value.processes : [];
  const admitted = (holder: Holder): number =>
    rows.find(({ pid }) => pid === holder.innerPid)?.usedBytes[index] ?? 0;
  const past = holders.filter((holder) => holder.usedBytes - admitted(holder) > DRIFT_TOLERANCE_BYTES);
  return past.length > 0 ? past : holders;
}

function strangerSuspicion({ node, slots }: Sight, holder: Holder): Suspicion {
  const { pid, deviceId, usedBytes, podUid } = holder;
  const ours = slots.find(({ pod }) => pod.uid === podUid);
  const what = `holds ${inMiB(usedBytes)} of ${deviceId}`;
  return {
    key: `UnknownProcess/${deviceId}/${pid}/${holder.startTicks}`,
    reason: 'UnknownProcess',
    pod: ours?.pod ?? null,
    ...{ container: '', slot: '', isSteady: true },
    culprits: ours === undefined ? [] : [holder],
    sentence:
      ours === undefined
        ? `process ${pid} ${whereabouts(holder)} ${what} on node ${node}: nobody gave it a slice`
        : `process ${pid} of this pod ${what}, where the pod has no slice`,
  };
}

function whereabouts({ podUid, containerId }: Holder): string {
  if (podUid !== '') return `of pod ${podUid}`;
  return containerId === '' ? 'outside all pods' : `of container ${containerId.slice(0, 12)}`;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);
const inMiB = (bytes: number): string => `${Math.round(bytes / BYTES_PER_MIB)} MiB`;
