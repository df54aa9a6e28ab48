// SPDX-License-Identifier: Apache-2.0
// Slices on one machine without a cluster: which device takes one more. What they may borrow is in core/elastic.
//
//   ceiling     what a slice may ever hold
//   guaranteed  what it is promised; of one device these never add up to more than it has
import { err, ok, type Result } from './result.js';
import {
  addCores,
  addMiB,
  type MiB,
  type MilliCores,
  NO_CORES,
  NO_MEMORY,
  restCores,
  restMiB,
  shareOf,
  WHOLE_DEVICE,
} from './units.js';

export interface DeviceHere {
  readonly id: string;
  readonly memory: MiB;
}

export interface SliceHere {
  readonly deviceId: string;
  readonly ceiling: MiB;
  readonly guaranteed: MiB;
  readonly cores: MilliCores;
}

/** MiB, or thousandths of the device. */
export type MemoryHere = { readonly memory: MiB } | { readonly permille: number };

export interface WishHere {
  /** null: any. */
  readonly deviceId: string | null;
  readonly memory: MemoryHere;
  /** null: no burst. */
  readonly burst: MemoryHere | null;
  readonly cores: MilliCores;
}

const WHOLE = 1000;

export const WHOLE_MEMORY: MemoryHere = { permille: WHOLE };

/** The first device that has room, in the order given; the error is one sentence that says what is free. */
export function placeHere(
  devices: readonly DeviceHere[],
  held: readonly SliceHere[],
  wish: WishHere,
): Result<SliceHere, string> {
  const { deviceId } = wish;
  const asked = devices.filter(({ id }) => deviceId === null || id === deviceId);
  if (asked.length === 0) return err(noDevice(devices, deviceId));
  const answers = asked.map((device) => fitHere(device, held, wish));
  const found = answers.find((answer) => answer.ok);
  if (found !== undefined) return found;
  return err(answers.map((answer) => (answer.ok ? '' : answer.error)).join('; '));
}

function noDevice(devices: readonly DeviceHere[], deviceId: string | null): string {
  if (devices.length === 0) return 'the driver shows no device on this machine';
  return `device ${deviceId} is not on this machine: want one of ${devices.map(({ id }) => id).join(', ')}`;
}

function fitHere(
  device: DeviceHere,
  held: readonly SliceHere[],
  { memory, burst, cores }: WishHere,
): Result<SliceHere, string> {
  const own = held.filter(({ deviceId }) => deviceId === device.id);
  const guaranteed = memoryOf(memory, device);
  const ceiling = burst === null ? guaranteed : memoryOf(burst, device);
  const free = restMiB(device.memory, own.map((slice) => slice.guaranteed).reduce(addMiB, NO_MEMORY));
  const freeCores = restCores(WHOLE_DEVICE, own.map((slice) => slice.cores).reduce(addCores, NO_CORES));
  if (ceiling > device.memory)
    return err(`${device.id} is too small: ${ceiling} MiB wanted, ${device.memory} MiB in all`);
  if (ceiling < guaranteed)
    return err(`burst is ${ceiling} MiB: want at least the ${guaranteed} MiB guaranteed`);
  if (guaranteed > free)
    return err(`memory short on ${device.id}: ${guaranteed} MiB wanted, ${free} MiB free`);
  if (cores > freeCores)
    return err(`compute short on ${device.id}: ${cores / 10} % wanted, ${freeCores / 10} % free`);
  return ok({ deviceId: device.id, ceiling, guaranteed, cores });
}

const memoryOf = (wish: MemoryHere, device: DeviceHere): MiB =>
  'memory' in wish ? wish.memory : shareOf(device.memory, wish.permille);
