// SPDX-License-Identifier: Apache-2.0
// A slice of this machine (kerf run) in other amounts.
import { divideBursts } from '../../adapters/run/burst.js';
import { locked } from '../../adapters/run/lock.js';
import { resizeSlice, runningSlices, type SliceFolders, sliceFolders } from '../../adapters/run/slices.js';
import { type MemoryHere, placeHere } from '../../core/slice-here.js';
import type { SliceRecord } from '../../wire/slice-record.js';
import { type Io, Refused } from './io.js';
import { type AmountFlags, readCores, readMemory } from './run-options.js';
import { mibText } from './table.js';

export interface SliceFlags extends AmountFlags {
  readonly soft?: boolean;
  readonly json?: boolean;
}

/** Of those that run here. */
export function sliceNames(io: Io): readonly string[] {
  return runningSlices(foldersOf(io)).map(({ record }) => record.name);
}

const foldersOf = (io: Io): SliceFolders => sliceFolders(io.env, process.getuid?.() ?? 0);

export async function resizeLocal(name: string, flags: SliceFlags, io: Io): Promise<void> {
  const folders = foldersOf(io);
  const record = await locked(folders.own, () => change(name, flags, folders));
  const { deviceId, ceiling, guaranteed, cores } = record;
  if (flags.json === true)
    return io.out(
      JSON.stringify({
        slice: name,
        device: deviceId,
        memoryMiB: guaranteed,
        burstMiB: ceiling,
        corePercent: cores / 10,
      }),
    );
  const burst = ceiling > guaranteed ? `, up to ${mibText(ceiling)}` : '';
  io.out(
    `slice ${name}: ${mibText(guaranteed)}${burst}, ${cores > 0 ? `${cores / 10} % of compute` : 'no compute limit'}`,
  );
}

async function change(name: string, flags: SliceFlags, folders: SliceFolders): Promise<SliceRecord> {
  const running = runningSlices(folders);
  const slice = running.find(({ record }) => record.name === name);
  if (slice === undefined)
    throw new Refused(
      noSlice(
        name,
        running.map(({ record }) => record.name),
      ),
    );
  const { record } = slice;
  const others = running.filter((other) => other !== slice).map((other) => other.record);
  const placed = placeHere([{ id: record.deviceId, memory: record.deviceMemory }], others, {
    deviceId: record.deviceId,
    memory: readMemory('--gpu-mem', flags.gpuMem) ?? { memory: record.guaranteed },
    burst: burstOf(record, flags),
    cores: readCores(flags.gpuCores) ?? record.cores,
  });
  if (!placed.ok) throw new Refused(placed.error);
  const next = { ...record, ...placed.value, isSoft: flags.soft ?? record.isSoft };
  resizeSlice(slice.folder, next);
  divideBursts(folders);
  return next;
}

/** A ceiling of before stays, unless the new guarantee has reached it. */
function burstOf(record: SliceRecord, flags: SliceFlags): MemoryHere | null {
  const stated = readMemory('--gpu-mem-burst', flags.gpuMemBurst);
  if (stated !== null || record.ceiling === record.guaranteed) return stated;
  const memory = readMemory('--gpu-mem', flags.gpuMem);
  const isReached = memory !== null && 'memory' in memory && memory.memory >= record.ceiling;
  return isReached ? null : { memory: record.ceiling };
}

export function noSlice(name: string, names: readonly string[]): string {
  return names.length === 0
    ? `no slice ${name} runs on this machine, nor any other`
    : `no slice ${name} runs on this machine: want one of ${names.join(', ')}`;
}
