// SPDX-License-Identifier: Apache-2.0
// CPU time of a process of this machine, as the kernel counts it (clock ticks of 10 ms).
import { readFileSync } from 'node:fs';
import { type Cluster, findProgram } from '../../test/cluster/index.js';
import { COUNTED, type Counted } from './kinds.js';

const TICK_MS = 10;

/** Milliseconds since each began; programs that do not run are left out. */
export type CpuTimes = Readonly<Partial<Record<Counted, number>>>;

export function cpuTimes(cluster: Cluster): CpuTimes {
  const times: Partial<Record<Counted, number>> = {};
  for (const [what, name] of Object.entries(COUNTED)) {
    const pid = findProgram(cluster, name)?.pid.pid;
    if (pid !== undefined) times[what as Counted] = cpuMs(pid);
  }
  return times;
}

/** What was used between two looks, a pod. */
export function perPod(before: CpuTimes, after: CpuTimes, pods: number): CpuTimes {
  const used = Object.entries(after).map(([what, ms]) => [
    what,
    (ms - (before[what as Counted] ?? 0)) / pods,
  ]);
  return Object.fromEntries(used) as CpuTimes;
}

/** utime and stime, the 14th and 15th field; the second is a name in brackets that may hold anything. */
function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}
