// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { cdiNameOf, type Slot, sortedIds } from './slot.js';
import type { SlotStore } from './slots.js';

export interface AllocateParts {
  readonly store: SlotStore;
  readonly resource: string;
  readonly nowMs: () => number;
  /** 128 random bits as hex. */
  readonly randomName: () => string;
}

/** Allocate: a new name per request, on disk before the kubelet hears of it. No meaning yet, so no spec. */
export async function allocateSlots(
  parts: AllocateParts,
  requests: readonly (readonly string[])[],
): Promise<readonly string[]> {
  const allocatedAtMs = parts.nowMs();
  const first = parts.store.nextSeq(allocatedAtMs);
  const slots: Slot[] = requests.map((ids, at) => ({
    slot: parts.randomName(),
    resource: parts.resource,
    ids: sortedIds(ids),
    seq: first + at,
    allocatedAtMs,
    owner: null,
  }));
  await parts.store.put(slots);
  return slots.map(cdiNameOf);
}

/** 32 hex digits. */
export const randomName = (): string => randomBytes(16).toString('hex');
