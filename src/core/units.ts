// SPDX-License-Identifier: Apache-2.0
// Units are types: a bare number never leaves src/wire.

declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** Mebibytes (2^20 bytes) of device memory. Whole, not negative. */
export type MiB = Unit<'MiB'>;
/** Thousandths of one device's compute: 1000 is the whole device, 300 is 30 percent. Whole, not negative. */
export type MilliCores = Unit<'MilliCores'>;
/** How much a node is liked by a policy: 0..10, more is better (the extender's scale). */
export type Score = Unit<'Score'>;

export const BYTES_PER_MIB = 1_048_576;
export const WHOLE_DEVICE = 1000 as MilliCores;
export const NO_CORES = 0 as MilliCores;
export const NO_MEMORY = 0 as MiB;

function whole(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`bug: ${value} is no ${name}: whole and not negative`);
  return value;
}

export const mib = (value: number): MiB => whole(value, 'MiB') as MiB;
export const milliCores = (value: number): MilliCores => whole(value, 'MilliCores') as MilliCores;

/** Clamps into 0..10 and rounds: kube-scheduler takes whole scores only. */
export const score = (value: number): Score => Math.round(Math.min(10, Math.max(0, value))) as Score;

export const addMiB = (a: MiB, b: MiB): MiB => (a + b) as MiB;
export const addCores = (a: MilliCores, b: MilliCores): MilliCores => (a + b) as MilliCores;
/** What is left, never below nothing: an overfull device has no room, not negative room. */
export const restMiB = (all: MiB, held: MiB): MiB => Math.max(0, all - held) as MiB;
export const restCores = (all: MilliCores, held: MilliCores): MilliCores =>
  Math.max(0, all - held) as MilliCores;

/** A share of a capacity in MiB, rounded up: a request never gets less than it asked. `permille` 0..1000. */
export const shareOf = (memory: MiB, permille: number): MiB => Math.ceil((memory * permille) / 1000) as MiB;
