// SPDX-License-Identifier: Apache-2.0
// Kills our programs by their recorded PIDs, and brings them back as systemd or the kubelet would.
import { readFileSync } from 'node:fs';
import type { Cluster } from '../../cluster/index.js';
import { findProgram, signalIn, startIn, isRunning } from '../../cluster/index.js';
import { pause } from './wait.js';

/** Small, seeded: a failed run can be repeated. Numbers in 0..1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** kill -9, wait `downMs`, start again as it was. */
export async function crash(cluster: Cluster, program: string, downMs: number): Promise<void> {
  signalIn(cluster, program, 'SIGKILL');
  await pause(downMs);
  for (let tries = 0; isRunning(cluster, program) && tries < 50; tries++) await pause(100);
  await startIn(cluster, program);
}

/** kill -9 of a program's own child (the NVML child); the program itself must bring it back. */
export function crashChild(cluster: Cluster, program: string): boolean {
  const parent = findProgram(cluster, program)?.pid.pid;
  if (parent === undefined) return false;
  const children = childrenOf(parent);
  for (const child of children) process.kill(child, 'SIGKILL');
  return children.length > 0;
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it died meanwhile: nothing left to kill
  }
}
