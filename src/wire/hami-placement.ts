// SPDX-License-Identifier: Apache-2.0
// Letter: what HAMi gave a pod, as its annotations `…-devices-allocated` and `…-devices-to-allocate` (keys in the
// vendors' rows). Read only, so that pods it placed count as held where Kerf places too.
//
//   ;GPU-a1,NVIDIA,8000,30:GPU-b2,NVIDIA,8000,30:;
//
// A container's devices end in `;`, init containers first, a container without a device is empty. A device is
// `uuid,word,MiB,percent` and ends in `:`; further fields are let pass. Nothing is escaped (HAMi 2.10, 4707fb02).
import type { ContainerPlacement, Placement, Slice } from '../core/placement.js';
import { err, ok, type Result } from '../core/result.js';
import { mib, milliCores, WHOLE_DEVICE } from '../core/units.js';
import type { Vendor } from '../vendors/index.js';
import { shown } from './json.js';

/** One vendor's letter as it stands. */
export interface HamiLetter {
  readonly vendor: string;
  readonly text: string;
}

/** One container of the pod in the kubelet's order, with the devices it asks of each vendor. */
export interface HamiContainer {
  readonly name: string;
  /** Vendor → count; absent where nobody can tell. */
  readonly asks?: ReadonlyMap<string, number>;
}

/** The record kept for the pod's life; the queue that HAMi's plugin eats up only where there is no record. */
export function hamiLettersOf(
  annotations: Readonly<Record<string, unknown>>,
  vendors: readonly Vendor[],
): readonly HamiLetter[] {
  const letters: HamiLetter[] = [];
  for (const { name, neighbour } of vendors) {
    if (neighbour === null) continue;
    const text = annotations[neighbour.allocated] ?? annotations[neighbour.toAllocate];
    if (typeof text === 'string') letters.push({ vendor: name, text });
  }
  return letters;
}

/**
 * All its letters as one placement. A container that has fewer devices than it asks makes them unreadable: entries
 * are blanked while they are handed out, and what was blanked is held all the same.
 */
export function decodeHamiPlacement(
  letters: readonly HamiLetter[],
  containers: readonly HamiContainer[],
): Result<Placement, string> {
  const rows = new Map<string, Slice[]>();
  for (const { vendor, text } of letters) {
    const read = decodeLetter(text);
    if (!read.ok) return err(`HAMi's letter about ${vendor}: ${read.error}`);
    const named = nameRows(read.value, containers);
    const short = firstShort(named, containers, vendor);
    if (short !== null) return err(`HAMi's letter about ${vendor}: ${short}`);
    for (const { name, slices } of named) rows.set(name, [...(rows.get(name) ?? []), ...slices]);
  }
  const held = [...rows].filter(([, slices]) => slices.length > 0);
  if (held.length === 0) return err("HAMi's letters name no device");
  return ok({ containers: held.map(([name, slices]) => ({ name, slices })) });
}

function decodeLetter(text: string): Result<readonly (readonly Slice[])[], string> {
  const entries = text.split(';');
  if (entries.at(-1) === '') entries.pop();
  const containers: (readonly Slice[])[] = [];
  for (const entry of entries) {
    const slices: Slice[] = [];
    for (const part of entry.split(':').filter((each) => each !== '')) {
      const slice = decodeDevice(part);
      if (slice === null)
        return err(`container ${containers.length} has ${shown(part)}: want uuid,word,MiB,percent`);
      slices.push(slice);
    }
    containers.push(slices);
  }
  return ok(containers);
}

/** `GPU-a1[…]` is an instance of a device in MIG mode: the device counts as held whole. */
const INSTANCE = /^([^[\]]+)\[[^[\]]*\]$/;

function decodeDevice(part: string): Slice | null {
  const [id = '', , memory, percent] = part.split(',');
  const held = { memory: readNumber(memory), percent: readNumber(percent) };
  if (id === '' || held.memory === null || held.percent === null) return null;
  const [, whole] = INSTANCE.exec(id) ?? [];
  return {
    deviceId: whole ?? id,
    memory: mib(held.memory),
    cores: whole === undefined ? milliCores(held.percent * 10) : WHOLE_DEVICE,
    isHigh: false,
    isAlone: false,
  };
}

/** Numbers are 32 bits wide there. */
function readNumber(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return null;
  const value = Number(text);
  return value < 2 ** 31 ? value : null;
}

/** Where the entries are not the pod's containers one by one, none of the pod's: they all count as apps, side by side. */
function nameRows(
  entries: readonly (readonly Slice[])[],
  containers: readonly HamiContainer[],
): readonly ContainerPlacement[] {
  const isInStep = entries.length === containers.length;
  return entries.map((slices, index) => ({
    name: isInStep ? (containers[index]?.name ?? '') : `#${index}`,
    slices,
  }));
}

function firstShort(
  rows: readonly ContainerPlacement[],
  containers: readonly HamiContainer[],
  vendor: string,
): string | null {
  const wanted = (container: HamiContainer): number => container.asks?.get(vendor) ?? 0;
  if (rows.length !== containers.length) {
    const want = containers.reduce((most, container) => Math.max(most, wanted(container)), 0);
    const have = rows.reduce((sum, { slices }) => sum + slices.length, 0);
    return have < want ? `it names ${have} of the ${want} devices asked` : null;
  }
  for (const [index, container] of containers.entries()) {
    const have = rows[index]?.slices.length ?? 0;
    if (have < wanted(container))
      return `container ${container.name} has ${have} of the ${wanted(container)} devices it asks`;
  }
  return null;
}
