// SPDX-License-Identifier: Apache-2.0
// What `kerf run` and `kerf resize` are asked, in the letters of pods: MiB or a quantity, percent.
import { basename } from 'node:path';
import { type MemoryHere, WHOLE_MEMORY, type WishHere } from '../../core/slice-here.js';
import { type MilliCores, milliCores } from '../../core/units.js';
import { memoryMiB, parseQuantity } from '../../wire/quantity.js';
import { isSliceName } from '../../wire/slice-record.js';
import { Misused } from './io.js';

export interface AmountFlags {
  readonly gpuMem?: string;
  readonly gpuMemBurst?: string;
  readonly gpuCores?: string;
}

export interface RunFlags extends AmountFlags {
  readonly device?: string;
  readonly name?: string;
  readonly soft?: boolean;
  readonly json?: boolean;
}

export function readWish(flags: RunFlags): WishHere {
  const memory = readMemory('--gpu-mem', flags.gpuMem);
  return {
    deviceId: flags.device ?? null,
    memory: memory ?? WHOLE_MEMORY,
    burst: readMemory('--gpu-mem-burst', flags.gpuMemBurst),
    cores: readCores(flags.gpuCores) ?? milliCores(0),
  };
}

/** null where it is not written. `25%` is a share of the device. */
export function readMemory(flag: string, text: string | undefined): MemoryHere | null {
  if (text === undefined) return null;
  const percent = /^(\d{1,3})%$/.exec(text);
  if (percent !== null) {
    const share = Number(percent[1]);
    if (share >= 1 && share <= 100) return { permille: share * 10 };
    throw new Misused(`${flag} is ${text}: want 1% to 100%`);
  }
  const quantity = parseQuantity(text);
  const memory = quantity === null ? null : memoryMiB(quantity);
  if (memory?.ok === true && memory.value > 0) return { memory: memory.value };
  throw new Misused(
    `${flag} is ${text}: want MiB such as 3000, a quantity such as 4Gi, or a share such as 25%`,
  );
}

export function readCores(text: string | undefined): MilliCores | null {
  if (text === undefined) return null;
  const percent = /^\d{1,3}%?$/.test(text) ? Number.parseInt(text, 10) : -1;
  if (percent >= 0 && percent <= 100) return milliCores(percent * 10);
  throw new Misused(`--gpu-cores is ${text}: want whole percent, 0 to 100`);
}

/** The stated one, else the command's with something random behind it. */
export function nameOf(flags: RunFlags, command: readonly string[], random: string): string {
  const { name } = flags;
  if (name === undefined) {
    const first = basename(command[0] ?? '')
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-+|-+$/g, '');
    return `${first.slice(0, 40) || 'slice'}-${random}`;
  }
  if (isSliceName(name)) return name;
  throw new Misused(`--name is ${name}: want small letters, digits, dots and dashes, at most 63`);
}
