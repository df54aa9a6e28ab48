// SPDX-License-Identifier: Apache-2.0

/** The value below which the share `q` (0..1) of the samples lies; nearest rank. */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new Error('bug: no samples');
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] as number;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);
