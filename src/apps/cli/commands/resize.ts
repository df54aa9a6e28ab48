// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { divideBursts } from '../../../adapters/run/burst.js';
import { locked } from '../../../adapters/run/lock.js';
import { resizeSlice, runningSlices, type SliceFolders, sliceFolders } from '../../../adapters/run/slices.js';
import { type MemoryHere, placeHere } from '../../../core/slice-here.js';
import type { SliceRecord } from '../../../wire/slice-record.js';
import { type Io, Misused, Refused } from '../io.js';
import { type AmountFlags, readCores, readMemory } from '../run-options.js';
import { mibText } from '../table.js';

interface ResizeFlags extends AmountFlags {
  readonly soft?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  kerf resize train-3f2a --gpu-mem 6Gi          more at the next allocation
  kerf resize train-3f2a --gpu-mem 1Gi          less: what is held stays, growth is refused
  kerf resize train-3f2a --gpu-cores 50 --no-soft

What is not named stays as it is. Nothing is ever taken from a running process.
`;

export function addResize(program: Command, io: Io): void {
  program
    .command('resize <name>')
    .description('Changes a running slice of this machine (kerf run).')
    .option('--gpu-mem <amount>', 'memory: MiB, a quantity such as 4Gi, or a share such as 25%')
    .option('--gpu-mem-burst <amount>', 'ceiling above it')
    .option('--gpu-cores <percent>', 'compute, whole percent; 0 is no limit')
    .option('--soft', 'may also use compute that nobody else uses')
    .option('--no-soft', 'may not')
    .option('--json', 'what it is now, as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, flags: ResizeFlags) => resize(name, flags, io));
}

async function resize(name: string, flags: ResizeFlags, io: Io): Promise<void> {
  const { gpuMem, gpuMemBurst, gpuCores, soft } = flags;
  if ([gpuMem, gpuMemBurst, gpuCores, soft].every((flag) => flag === undefined))
    throw new Misused('nothing to change: want --gpu-mem, --gpu-mem-burst, --gpu-cores, --soft or --no-soft');
  readMemory('--gpu-mem', gpuMem);
  const folders = sliceFolders(io.env, process.getuid?.() ?? 0);
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

async function change(name: string, flags: ResizeFlags, folders: SliceFolders): Promise<SliceRecord> {
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
function burstOf(record: SliceRecord, flags: ResizeFlags): MemoryHere | null {
  const stated = readMemory('--gpu-mem-burst', flags.gpuMemBurst);
  if (stated !== null || record.ceiling === record.guaranteed) return stated;
  const memory = readMemory('--gpu-mem', flags.gpuMem);
  const isReached = memory !== null && 'memory' in memory && memory.memory >= record.ceiling;
  return isReached ? null : { memory: record.ceiling };
}

function noSlice(name: string, names: readonly string[]): string {
  return names.length === 0
    ? `no slice ${name} runs on this machine, nor any other`
    : `no slice ${name} runs on this machine: want one of ${names.join(', ')}`;
}
