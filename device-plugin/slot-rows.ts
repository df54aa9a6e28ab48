// SPDX-License-Identifier: Apache-2.0
// The rows of /v1/slots (letter: wire/slots), for the monitor, the command line and tests.
import type { SlotRecord } from '../src/wire/slots.js';
import { encodeSlots } from '../src/wire/slots.js';
import type { Enforcement } from './enforcement.js';
import type { NodeDevices } from './node-device.js';
import type { PodView } from './pod-view.js';
import { isBound, type Slot, slicesOf } from './slot.js';

/** `pod` is null while nobody has started in the slot. */
export type SlotRow =
  | SlotRecord
  | {
      readonly slot: string;
      readonly ids: readonly string[];
      readonly pod: null;
      readonly enforcement: Enforcement;
    };

/** What is known beside the slots. */
export interface Known {
  readonly enforcement: { of(slot: string): Enforcement };
  readonly pods: { lastSeen(podUid: string): Pick<PodView, 'workload' | 'ended'> | undefined };
  readonly devices: { readonly byId: NodeDevices };
}

export function rowsOf(
  slots: readonly Slot[],
  { enforcement: held, pods, devices }: Known,
): readonly SlotRow[] {
  return slots.map((slot) => {
    const enforcement = held.of(slot.slot);
    if (!isBound(slot)) return { slot: slot.slot, ids: slot.ids, pod: null, enforcement };
    const { podUid: uid, namespace, pod: name, container, containers } = slot.owner;
    const seen = pods.lastSeen(uid);
    const ended = seen?.ended.get(container);
    const slices = slicesOf(slot.owner);
    const ids = slices.map(({ deviceId }) => deviceId);
    const instances = ids.filter((id) => devices.byId.get(id)?.instance !== undefined);
    return {
      slot: slot.slot,
      ids: slot.ids,
      pod: { namespace, name, uid },
      container,
      kind: containers.find((entry) => entry.name === container)?.kind ?? 'app',
      slices,
      enforcement,
      workload: seen?.workload ?? '',
      ...(ended !== undefined && { ended }),
      ...(instances.length > 0 && { instances }),
    };
  });
}

/** JSON text of the letter; rows of no pod stand first, readers skip them. */
export function encodeRows(rows: readonly SlotRow[]): string {
  const owned = encodeSlots(rows.filter((row): row is SlotRecord => row.pod !== null));
  const free = rows.filter((row) => row.pod === null).map((row) => JSON.stringify(row));
  const inside = [...free, owned.slice(1, -1)].filter((part) => part !== '').join(',');
  return `[${inside}]\n`;
}
