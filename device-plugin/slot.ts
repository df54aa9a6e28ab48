// SPDX-License-Identifier: Apache-2.0
// One slot: what one Allocate call gave out, and from the first PreStart on whose it is.
//
//   {"v":1,"slot":"<32 hex>","resource":"vendor.com/gpu","ids":["slot-0001"],"seq":1,"allocatedAtMs":1,
//    "owner":{"podUid":"…","namespace":"…","pod":"…","container":"a","containers":[{"name":"a","kind":"app"}],
//             "placement":{…wire/placement…},"boundAtMs":2}}
import type { Placement, Slice } from '../src/core/placement.js';
import type { ContainerKind } from '../src/core/request.js';
import { err, ok, type Result } from '../src/core/result.js';
import { isCount, isRecord, parseJson } from '../src/wire/json.js';
import { SLOT_KIND } from '../src/wire/names.js';
import { decodePlacement, encodePlacement } from '../src/wire/placement.js';

export const SLOT_VERSION = 1;

export interface ContainerName {
  readonly name: string;
  readonly kind: ContainerKind;
}

/** Whose slot it is. The placement is the one first honoured for the pod's UID; it never changes. */
export interface Owner {
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  /** The container that starts with this slot. */
  readonly container: string;
  /** All containers of the pod in the kubelet's order: what it holds depends on their kinds. */
  readonly containers: readonly ContainerName[];
  readonly placement: Placement;
  readonly boundAtMs: number;
}

export interface Slot {
  /** 32 hex digits, random: a counted name could come back after lost state and mean another tenant. */
  readonly slot: string;
  readonly resource: string;
  /** The kubelet's ids, sorted. */
  readonly ids: readonly string[];
  /** Order of allocation on this node; grows for ever, also over restarts. */
  readonly seq: number;
  readonly allocatedAtMs: number;
  /** null until PreStart has told whose it is. */
  readonly owner: Owner | null;
}

export type BoundSlot = Slot & { readonly owner: Owner };

export const isBound = (slot: Slot): slot is BoundSlot => slot.owner !== null;
export const cdiNameOf = (slot: Slot): string => `${SLOT_KIND}=${slot.slot}`;

export const sortedIds = (ids: readonly string[]): readonly string[] => [...new Set(ids)].sort();
export const sameIds = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((id, at) => id === b[at]);

/** The slices of the slot's own container, in the placement's order. */
export function slicesOf(owner: Owner): readonly Slice[] {
  const row = owner.placement.containers.find((container) => container.name === owner.container);
  return row?.slices ?? [];
}

export function encodeSlot(slot: Slot): string {
  const { owner } = slot;
  const letter = owner === null ? null : { ...owner, placement: parseJson(encodePlacement(owner.placement)) };
  return `${JSON.stringify({ v: SLOT_VERSION, ...slot, owner: letter })}\n`;
}

/** The error is one sentence's end: what is wrong with the record. */
export function decodeSlot(text: string): Result<Slot, string> {
  const letter = parseJson(text);
  if (!isRecord(letter)) return err('is not a JSON object');
  if (letter.v !== SLOT_VERSION) return err(`has version ${String(letter.v)}, not ${SLOT_VERSION}`);
  const { slot, resource, ids, seq, allocatedAtMs } = letter;
  if (typeof slot !== 'string' || typeof resource !== 'string') return err('has no slot or no resource');
  if (!isTexts(ids) || !isCount(seq) || !isCount(allocatedAtMs)) return err('has no ids or no order');
  if (letter.owner === null) return ok({ slot, resource, ids, seq, allocatedAtMs, owner: null });
  const owner = decodeOwner(letter.owner);
  return owner.ok ? ok({ slot, resource, ids, seq, allocatedAtMs, owner: owner.value }) : owner;
}

const OWNER_TEXTS = ['podUid', 'namespace', 'pod', 'container'] as const;
const KINDS: readonly unknown[] = ['init', 'sidecar', 'app'] satisfies ContainerKind[];

function decodeOwner(value: unknown): Result<Owner, string> {
  if (!isRecord(value)) return err('has an owner that is no object');
  const isNamed = OWNER_TEXTS.every((key) => typeof value[key] === 'string' && value[key] !== '');
  const { containers, boundAtMs } = value;
  if (!isNamed || !isContainers(containers) || !isCount(boundAtMs))
    return err('has an owner that cannot be read');
  const placement = decodePlacement(JSON.stringify(value.placement));
  if (!placement.ok) return placement;
  const { podUid, namespace, pod, container } = value as Record<(typeof OWNER_TEXTS)[number], string>;
  return ok({ podUid, namespace, pod, container, containers, placement: placement.value, boundAtMs });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === 'string');
}

function isContainers(value: unknown): value is ContainerName[] {
  if (!Array.isArray(value)) return false;
  return value.every((row) => isRecord(row) && typeof row.name === 'string' && KINDS.includes(row.kind));
}

/** What a line of the log says of a slot that belongs to a container. */
export const logOf = ({ slot, owner }: BoundSlot) => ({
  slot,
  pod: `${owner.namespace}/${owner.pod}`,
  uid: owner.podUid,
  container: owner.container,
  devices: slicesOf(owner).map(({ deviceId }) => deviceId),
});
