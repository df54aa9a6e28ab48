// SPDX-License-Identifier: Apache-2.0
// LETTER slots: what the device plugin has given out on its node, served at /v1/slots and read by the monitor.
//
//   [{"slot":"5f…","ids":["slot-0001"],"pod":{"namespace":"a","name":"p","uid":"…"},"container":"main",
//     "kind":"app","slices":[{"deviceId":"GPU-…","memoryMiB":4096,"corePercent":30}],"enforcement":"enforced",
//     "workload":"Deployment/web"}]
import type { Slice } from '../core/placement.js';
import type { ContainerKind } from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';
import { mib, milliCores } from '../core/units.js';
import { isCount, isRecord, parseJson } from './json.js';

export interface PodName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Of slots whose vendor's slices nothing of ours holds: they are placed and accounted. */
export const ENFORCEMENT_OFF = 'off';

export interface SlotRecord {
  /** 32 hex digits; also the name of the slot's folder. */
  readonly slot: string;
  /** The kubelet's device ids of the Allocate call. */
  readonly ids: readonly string[];
  readonly pod: PodName;
  readonly container: string;
  /** An init container's slice overlaps those of the apps; whoever does not tell is an app: counted in full. */
  readonly kind: ContainerKind;
  /** In the order of the limits page: a slice's index here is its device's index in the region. */
  readonly slices: readonly Slice[];
  /** `enforced`, `off` where nothing of ours could hold it, or why the library does not (`unenforced: …`). */
  readonly enforcement: string;
  /** Who made the pod, `Deployment/web`; empty: nobody, or it is not known any more. */
  readonly workload: string;
  /** How the container ended, where it has run and runs no more: `exit 1, CrashLoopBackOff`. */
  readonly ended?: string;
  /** Ids of those devices that the hardware cuts (MIG): their page leaves the compute to it. */
  readonly instances?: readonly string[];
}

const KINDS: readonly ContainerKind[] = ['init', 'sidecar', 'app'];

export function encodeSlots(slots: readonly SlotRecord[]): string {
  const rows = slots.map((slot) => ({
    ...slot,
    slices: slot.slices.map(({ deviceId, memory, cores }) => ({
      deviceId,
      memoryMiB: memory,
      corePercent: cores / 10,
    })),
  }));
  return JSON.stringify(rows);
}

/** Rows that nobody owns yet (no pod) are left out: they mean nothing. A row that cannot be read is an error. */
export function decodeSlots(text: string): Result<readonly SlotRecord[], string> {
  const letter = parseJson(text);
  if (!Array.isArray(letter)) return err('slots are not a JSON list');
  const slots: SlotRecord[] = [];
  for (const [index, row] of letter.entries()) {
    if (isRecord(row) && (row.pod === null || row.pod === undefined)) continue;
    const slot = decodeSlot(row);
    if (slot === null) return err(`slot ${index} cannot be read`);
    slots.push(slot);
  }
  return ok(slots);
}

function decodeSlot(row: unknown): SlotRecord | null {
  if (!isRecord(row) || !isSlotName(row.slot)) return null;
  const pod = decodePod(row.pod);
  const slices = Array.isArray(row.slices) ? row.slices.map(decodeSlice) : [null];
  if (pod === null || typeof row.container !== 'string' || slices.includes(null)) return null;
  return {
    slot: row.slot,
    ids: Array.isArray(row.ids) ? row.ids.map(String) : [],
    pod,
    container: row.container,
    kind: KINDS.find((kind) => kind === row.kind) ?? 'app',
    slices: slices as Slice[],
    enforcement: textOr(row.enforcement, 'unknown'),
    workload: textOr(row.workload, ''),
    ...endedOf(row),
    ...(Array.isArray(row.instances) && { instances: row.instances.map(String) }),
  };
}

const textOr = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

/** A slot's name is a folder's name on the node: nothing but hex digits passes. */
export function isSlotName(name: unknown): name is string {
  return typeof name === 'string' && /^[0-9a-f]{32}$/.test(name);
}

const endedOf = ({ ended }: Readonly<Record<string, unknown>>): { readonly ended?: string } =>
  typeof ended === 'string' ? { ended } : {};

function decodePod(pod: unknown): PodName | null {
  if (!isRecord(pod)) return null;
  const { namespace, name, uid } = pod;
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string') return null;
  return { namespace, name, uid };
}

function decodeSlice(row: unknown): Slice | null {
  if (!isRecord(row) || typeof row.deviceId !== 'string' || !isCount(row.memoryMiB)) return null;
  const tenths = typeof row.corePercent === 'number' ? Math.round(row.corePercent * 10) : -1;
  if (!isCount(tenths)) return null;
  return {
    deviceId: row.deviceId,
    memory: mib(row.memoryMiB),
    cores: milliCores(tenths),
    isHigh: false,
    isAlone: false,
  };
}
