// SPDX-License-Identifier: Apache-2.0

/** How large the bench is. */
export interface Size {
  readonly devices: number;
  readonly slicesPerDevice: number;
  readonly processesPerSlice: number;
  /** The monitor is watched for so long. */
  readonly seconds: number;
  /** Of what is done once and timed. */
  readonly repeats: number;
}

const FULL: Size = { devices: 8, slicesPerDevice: 10, processesPerSlice: 4, seconds: 30, repeats: 10 };
const QUICK: Size = { devices: 2, slicesPerDevice: 3, processesPerSlice: 2, seconds: 4, repeats: 2 };

export const sizeOf = (args: readonly string[]): Size => (args.includes('--quick') ? QUICK : FULL);

export const wordsOf = ({ devices, slicesPerDevice, processesPerSlice }: Size): string =>
  `${devices} devices × ${slicesPerDevice} slices × ${processesPerSlice} processes`;
