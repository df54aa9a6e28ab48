// SPDX-License-Identifier: Apache-2.0
// Letter: the devices of a node, as the annotation kerf.dev/inventory-<vendor>. Written by the node's agent on change.
//
//   {"v":1,"devices":[{"id":"GPU-…","index":0,"model":"NVIDIA A100-SXM4-40GB","memoryMiB":40960,"corePercent":100,
//                      "foreignMiB":2048,"splits":10,"numa":0,"mode":"mig","healthy":true,"reason":""}],
//    "links":[["NV12","SYS"],["SYS"]]}
//
// foreignMiB is what processes outside Kerf hold of the memory: it is not given out. Left out where it is nothing.
// links is left out where nobody knows them (see wire/links): two devices of one NUMA node then count as nearer.
import { type Device, physicalMemory } from '../core/device.js';
import { err, ok, type Result } from '../core/result.js';
import type { LinkMatrix } from '../core/topology.js';
import { mib, milliCores } from '../core/units.js';
import { isCount, isRecord, parseJson, shown } from './json.js';
import { type LinkTriangle, matrixOf } from './links.js';

export const INVENTORY_VERSION = 1;

/** What a node tells of one vendor's devices. */
export interface Announced {
  readonly devices: readonly Device[];
  /** In order of the devices' indexes; null where it is not told. */
  readonly links: LinkMatrix | null;
}

/** `vendor` is not in the letter: the annotation's name tells it. numa, mode and reason are left out when empty. */
export function encodeInventory(devices: readonly Device[], links: LinkTriangle | null = null): string {
  const rows = devices.map((device) => ({
    id: device.id,
    index: device.index,
    model: device.model,
    ...memoryRow(device),
    corePercent: device.cores / 10,
    splits: device.splits,
    ...(device.numa === null ? {} : { numa: device.numa }),
    ...(device.mode === undefined ? {} : { mode: device.mode }),
    healthy: device.isHealthy,
    ...(device.reason === '' ? {} : { reason: device.reason }),
  }));
  return JSON.stringify({ v: INVENTORY_VERSION, devices: rows, ...(links === null ? {} : { links }) });
}

function memoryRow(device: Device): object {
  const there = physicalMemory(device);
  return { memoryMiB: there, ...(device.memory < there && { foreignMiB: there - device.memory }) };
}

export function decodeInventory(vendor: string, text: string): Result<Announced, string> {
  const letter = parseJson(text);
  if (!isRecord(letter)) return err(`inventory of ${vendor} is not a JSON object`);
  if (letter.v !== INVENTORY_VERSION)
    return err(`inventory of ${vendor} has version ${shown(letter.v)}, not ${INVENTORY_VERSION}`);
  if (!Array.isArray(letter.devices)) return err(`inventory of ${vendor} has no list of devices`);
  const devices: Device[] = [];
  for (const row of letter.devices as unknown[]) {
    const device = decodeDevice(vendor, row);
    if (device === null) return err(`inventory of ${vendor}: device ${devices.length} cannot be read`);
    devices.push(device);
  }
  const ids = new Set(devices.map((device) => device.id));
  if (ids.size !== devices.length) return err(`inventory of ${vendor} names a device twice`);
  return withLinks(vendor, devices, letter.links);
}

/** Links that cannot be read say nothing else is to be believed either: somebody else than our agent wrote them. */
function withLinks(vendor: string, devices: readonly Device[], said: unknown): Result<Announced, string> {
  if (said === undefined) return ok({ devices, links: null });
  const links = matrixOf(said, devices.length);
  if (links !== null) return ok({ devices, links });
  return err(
    `inventory of ${vendor} has links that are no words for the pairs of its ${devices.length} devices`,
  );
}

function decodeDevice(vendor: string, row: unknown): Device | null {
  if (!isRecord(row) || !isReadable(row)) return null;
  return withoutForeign(row, {
    id: row.id as string,
    vendor,
    index: row.index as number,
    model: row.model as string,
    memory: mib(row.memoryMiB as number),
    cores: milliCores(Math.round((row.corePercent as number) * 10)),
    splits: row.splits as number,
    numa: isCount(row.numa) ? row.numa : null,
    ...(row.mode === undefined ? {} : { mode: row.mode as string }),
    isHealthy: row.healthy as boolean,
    reason: typeof row.reason === 'string' ? row.reason : '',
  });
}

/** What others hold is there, and cannot be given out. */
function withoutForeign({ foreignMiB = 0 }: Record<string, unknown>, device: Device): Device {
  if (foreignMiB === 0) return device;
  const { memory, cores, splits } = device;
  const left = mib(Math.max(0, memory - (foreignMiB as number)));
  return { ...device, memory: left, physical: { memory, cores, splits } };
}

function isReadable(row: Record<string, unknown>): boolean {
  const isNamed = typeof row.id === 'string' && row.id !== '' && typeof row.model === 'string';
  const isCounted = [row.index, row.memoryMiB, row.splits, row.foreignMiB ?? 0].every(isCount);
  const isSized = typeof row.corePercent === 'number' && isCount(Math.round(row.corePercent * 10));
  return isNamed && isCounted && isSized && typeof row.healthy === 'boolean' && isMode(row.mode);
}

/** A mode that cannot be read would let the device be cut in ways it is not: the letter is then unreadable. */
const isMode = (mode: unknown): boolean => mode === undefined || (typeof mode === 'string' && mode !== '');
