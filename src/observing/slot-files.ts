// SPDX-License-Identifier: Apache-2.0
// The files of a slot against what was given: the region must be there and add up, the page must say what the agent
// says it wrote.
import type { Slice } from '../core/placement.js';
import { WHOLE_DEVICE } from '../core/units.js';
import type { DeviceLimit } from '../wire/limits.js';
import type { Region } from '../wire/region.js';
import type { SlotRecord } from '../wire/slots.js';
import type { EscapeReason, Holder, Sight, SlotFiles, Suspicion } from './escape.js';

export function filesSuspicions(slot: SlotRecord, sight: Sight): readonly Suspicion[] {
  const files = sight.files.get(slot.slot);
  if (files === undefined) return [];
  const holders = sight.holders.filter(
    (holder) => holder.podUid === slot.pod.uid && [slot.slot, ''].includes(holder.slot),
  );
  return [...regionSuspicions(slot, files, holders), ...pageSuspicions(slot, files)];
}

function regionSuspicions(
  slot: SlotRecord,
  { region, isSteady }: SlotFiles,
  culprits: readonly Holder[],
): readonly Suspicion[] {
  const whose = `of container ${slot.container}`;
  if (region === null) {
    const sentence = `the region ${whose} is missing: nothing can be counted there`;
    return [{ ...suspicion(slot, 'RegionUnreadable', culprits), sentence }];
  }
  if (!region.ok) {
    const sentence = `the region ${whose} cannot be read: ${region.error}`;
    return [{ ...suspicion(slot, 'RegionUnreadable', culprits), sentence }];
  }
  const index = slot.slices.findIndex((_, at) => !addsUp(region.value, at));
  if (index < 0) return [];
  const device = region.value.devices[index];
  const said = device?.usedBytes ?? 0;
  const rows = (device?.classBytes ?? []).reduce((sum, each) => sum + each, 0);
  return [
    {
      ...suspicion(slot, 'RegionEdited', culprits),
      isSteady: isSteady[index] ?? false,
      sentence: `the region ${whose} was edited: it says ${said} bytes on ${slot.slices[index]?.deviceId}, its processes' rows ${rows}`,
    },
  ];
}

/** A process killed between two stores leaves a charge in flight: not edited, and mended at the next allocation. */
function addsUp({ devices, processes }: Region, index: number): boolean {
  const device = devices[index];
  if (device === undefined || processes.some(({ inflight }) => inflight > 0)) return true;
  return device.usedBytes === device.classBytes.reduce((sum, each) => sum + each, 0);
}

function pageSuspicions(slot: SlotRecord, { page }: SlotFiles): readonly Suspicion[] {
  const problem = pageProblem(slot, page);
  if (problem === '') return [];
  const sentence = `the limits page of container ${slot.container} is not what the node's agent wrote: ${problem}`;
  return [{ ...suspicion(slot, 'PageEdited', []), sentence }];
}

function pageProblem(slot: SlotRecord, page: SlotFiles['page']): string {
  if (page === null) return 'it is missing';
  if (!page.ok) return page.error;
  if (page.value.podUid !== slot.pod.uid) return `it is of pod ${page.value.podUid}`;
  const index = slot.slices.findIndex((slice, at) => !says(page.value.devices[at], slice, slot));
  const extra = page.value.devices.length - slot.slices.length;
  if (index < 0) return extra > 0 ? `it names ${extra} devices more` : '';
  const [told, slice] = [page.value.devices[index], slot.slices[index] as Slice];
  return told === undefined
    ? `it does not name ${slice.deviceId}`
    : `it says ${granted(told)} MiB and ${told.cores / 10} % of ${told.uuid}, given are ${slice.memory} MiB and ${slice.cores / 10} % of ${slice.deviceId}`;
}

/** Where more may be lent, the guaranteed part is what was given. */
const granted = ({ guaranteed, memory }: DeviceLimit): number => guaranteed ?? memory;

/** The hardware holds an instance to its compute: a page that limited it would take a share of that share. */
function says(
  told: DeviceLimit | undefined,
  { deviceId, memory, cores }: Slice,
  { instances = [] }: SlotRecord,
): boolean {
  const meant = instances.includes(deviceId) ? WHOLE_DEVICE : cores;
  return told?.uuid === deviceId && granted(told) === memory && told.cores === meant;
}

function suspicion(
  slot: SlotRecord,
  reason: EscapeReason,
  culprits: readonly Holder[],
): Omit<Suspicion, 'sentence'> {
  const whose = { pod: slot.pod, container: slot.container, slot: slot.slot };
  return { key: `${reason}/${slot.slot}`, reason, ...whose, culprits, isSteady: true };
}
