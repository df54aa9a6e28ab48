// SPDX-License-Identifier: Apache-2.0
// LETTER limits, changed under running processes: which bytes of a standing page to store, and in which order.
//
// They have the page mapped, so the file stays the same one and its version too: a field the old version does not
// know is a reserved byte to its readers. Each field is one aligned store of its width; the epoch grows last.
import { mib } from '../core/units.js';
import {
  decodeLimits,
  type DeviceLimit,
  encodeLimits,
  LIMITS,
  LIMITS_AT,
  LIMITS_DEVICE_AT,
  type LimitsPage,
} from './limits.js';

export interface FieldStore {
  readonly offset: number;
  /** 4 or 8, little-endian. */
  readonly bytes: Uint8Array;
}

type Field = keyof typeof LIMITS_DEVICE_AT;

/** What whoever grants slices says, and what the arbiter says between such changes: neither wipes the other's. */
const FIELDS = {
  grant: {
    memory_limit_bytes: 8,
    core_permille: 4,
    flags: 4,
    memory_guaranteed_bytes: 8,
    weight: 4,
    memory_now_bytes: 8,
  },
  arbiter: { rate_permille: 4, memory_now_bytes: 8 },
} as const satisfies Record<string, Partial<Record<Field, number>>>;

export type Writer = keyof typeof FIELDS;

/**
 * The stores that make `there` say what `wanted` says, empty where it does; `wanted.epoch` does not count.
 * null: it is no page, or one of another container or other devices, and must be replaced whole.
 */
export function storesFor(there: Uint8Array, wanted: LimitsPage, by: Writer): readonly FieldStore[] | null {
  const page = decodeLimits(there);
  if (!page.ok || !isSameSlice(page.value, wanted)) return null;
  const devices = wanted.devices.map((device, index) => merged(page.value.devices[index], device, by));
  const epoch = page.value.epoch + 1;
  const beat = by === 'arbiter' ? wanted.arbiterBeatNs : page.value.arbiterBeatNs;
  const next = encodeLimits({ ...wanted, epoch, arbiterBeatNs: beat ?? 0, devices });
  const stores = fieldsOf(wanted.devices.length, by)
    .map(({ offset, size }) => ({ offset, bytes: next.slice(offset, offset + size) }))
    .filter(({ offset, bytes }) => !isEqual(bytes, there.subarray(offset, offset + bytes.byteLength)));
  if (stores.length === 0) return [];
  return [...stores, { offset: LIMITS_AT.epoch, bytes: next.slice(LIMITS_AT.epoch, LIMITS_AT.epoch + 8) }];
}

function isSameSlice(there: LimitsPage, wanted: LimitsPage): boolean {
  const nameOf = ({ podUid, namespace, pod, container, devices }: LimitsPage): string =>
    JSON.stringify([podUid, namespace, pod, container, devices.map(({ uuid }) => uuid)]);
  return nameOf(there) === nameOf(wanted);
}

/**
 * A ceiling that falls takes the arbiter's one along, and so does a promise that rises. What is new above the promise is
 * the arbiter's to lend.
 */
function merged(there: DeviceLimit | undefined, wanted: DeviceLimit, by: Writer): DeviceLimit {
  if (by === 'arbiter') return wanted;
  const { memory, guaranteed } = wanted;
  const now =
    wanted.memoryNow ?? there?.memoryNow ?? (there?.guaranteed === undefined ? guaranteed : undefined);
  if (now === undefined) return wanted;
  return { ...wanted, memoryNow: mib(Math.min(Math.max(now, guaranteed ?? 0), memory)) };
}

function fieldsOf(devices: number, by: Writer): { readonly offset: number; readonly size: number }[] {
  const fields: { offset: number; size: number }[] = [];
  for (let index = 0; index < devices; index += 1) {
    const at = LIMITS_AT.devices + index * LIMITS.deviceBytes;
    for (const [field, size] of Object.entries(FIELDS[by]))
      fields.push({ offset: at + LIMITS_DEVICE_AT[field as Field], size });
  }
  return by === 'arbiter' ? [...fields, { offset: LIMITS_AT.arbiter_beat_ns, size: 8 }] : fields;
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, at) => byte === other[at]);
}
