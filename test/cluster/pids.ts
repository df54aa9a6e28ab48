// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** One process of this machine. The start time (clock ticks after boot) keeps a reused number from being killed. */
export interface Pid {
  readonly pid: number;
  readonly start: string;
}

interface Stat {
  readonly state: string;
  readonly start: string;
}

/** /proc/PID/stat; the second field is a name in brackets that may itself contain spaces and brackets. */
function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? 'X', start: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

export function identify(pid: number): Pid | undefined {
  const stat = readStat(pid);
  return stat && stat.state !== 'Z' ? { pid, start: stat.start } : undefined;
}

/** A zombie counts as gone: only its parent can take the entry away. */
export function isAlive(id: Pid): boolean {
  const stat = readStat(id.pid);
  return stat !== undefined && stat.start === id.start && stat.state !== 'Z' && stat.state !== 'X';
}

export function killPid(id: Pid, signal: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Resolves to whether the condition came true within the time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 25,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= deadline) return false;
    await pause(everyMs);
  }
}

export function waitGone(id: Pid, timeoutMs: number): Promise<boolean> {
  return until(() => !isAlive(id), timeoutMs);
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** `unshare --fork` and `nsenter --pid` stay behind as parents: their only child is the program, seen from outside. */
export async function onlyChildOf(parent: number, timeoutMs: number): Promise<Pid | undefined> {
  let found: Pid | undefined;
  await until(
    () => {
      const child = childrenOf(parent)[0];
      found = child === undefined ? undefined : identify(child);
      return found !== undefined || identify(parent) === undefined;
    },
    timeoutMs,
    5,
  );
  return found;
}
