// SPDX-License-Identifier: Apache-2.0

export type Progress = (step: string) => void;

/** Lines with the time elapsed since the start: `[ 12.3 s] API server is ready`. */
export function progressTo(write: (line: string) => void): Progress {
  const start = Date.now();
  return (step) => write(`[${((Date.now() - start) / 1000).toFixed(1).padStart(6)} s] ${step}`);
}

/** Says every 15 s that a long step is still going on. */
export async function narrated<T>(progress: Progress, step: string, work: () => Promise<T>): Promise<T> {
  const start = Date.now();
  const seconds = (): number => Math.round((Date.now() - start) / 1000);
  progress(`${step} …`);
  const timer = setInterval(() => progress(`${step} … ${seconds()} s`), 15_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
