// SPDX-License-Identifier: Apache-2.0
// One kind, once: its extender is started and warmed up, pods are made, then a fresh kube-scheduler meets them all.
import { type Contact, requestsSince } from './contact.js';
import { type CpuTimes, cpuTimes, perPod } from './cpu.js';
import { type Kind, startExtender, startScheduler, stopExtender, stopScheduler } from './kinds.js';
import { makePods, removePods, watchBindings } from './pods.js';
import type { Say, Stage } from './stage.js';

export interface Outcome {
  /** Pods bound a second, from the first to the last. */
  readonly rate: number;
  /** The same of the pods before, which an extender that had only just started bound; null where there is none. */
  readonly coldRate: number | null;
  /** Milliseconds of CPU a pod, by program. */
  readonly cpu: CpuTimes;
  /** Of Kerf with the API server, from its start until it was ready; null for other kinds. */
  readonly contact: Contact | null;
}

interface Task {
  readonly pods: number;
  readonly say: Say;
}

/** The slowest that is waited for: a scheduler that binds fewer than ten a second is stuck. */
const MOST_MS_PER_POD = 100;
const MOST_MS = 60_000;
/** In a cluster an extender has run for long: before it counts it binds as many pods as its code takes to be compiled. */
const WARM_UP = 1000;

export async function runOnce(stage: Stage, kind: Kind, task: Task): Promise<Outcome> {
  try {
    const first = kind === 'bare' ? { coldRate: null, contact: null } : await warmUp(stage, kind, task);
    return { ...first, ...(await bindFresh(stage, kind, task)) };
  } finally {
    await stopExtender(stage);
  }
}

async function warmUp(
  stage: Stage,
  kind: Kind,
  { pods, say }: Task,
): Promise<Pick<Outcome, 'coldRate' | 'contact'>> {
  const since = new Date();
  const seconds = await startExtender(stage, kind);
  const contact = kind === 'kerf' ? { seconds, requests: await requestsSince(stage, since) } : null;
  const warm = { pods: Math.min(WARM_UP, pods), say: (step: string) => say(`${step} (warming up)`) };
  return { contact, coldRate: (await bindFresh(stage, kind, warm)).rate };
}

/** Pods are made, a fresh kube-scheduler meets them all, and all are removed. */
async function bindFresh(stage: Stage, kind: Kind, task: Task): Promise<Pick<Outcome, 'rate' | 'cpu'>> {
  task.say(`${kind}: making ${task.pods} pods`);
  try {
    await makePods(stage.client, task.pods);
    return await bindAll(stage, kind, task);
  } finally {
    await stopScheduler(stage);
    await removePods(stage.client);
  }
}

async function bindAll(
  stage: Stage,
  kind: Kind,
  { pods, say }: Task,
): Promise<Pick<Outcome, 'rate' | 'cpu'>> {
  let before: CpuTimes = {};
  const stop = new AbortController();
  const most = MOST_MS + pods * MOST_MS_PER_POD;
  const timer = setTimeout(
    () => stop.abort(new Error(`${kind}: not all pods are bound after ${most / 1000} s`)),
    most,
  );
  const watched = watchBindings(stage.client, {
    count: pods,
    signal: stop.signal,
    onFirst() {
      before = cpuTimes(stage.cluster);
    },
    onProgress(bound) {
      if (bound % 500 === 0) say(`${kind}: ${bound} of ${pods} bound`);
    },
  });
  try {
    const [{ first, last }] = await Promise.all([watched, startScheduler(stage, kind)]);
    const cpu = perPod(before, cpuTimes(stage.cluster), pods);
    const rate = (1000 * (pods - 1)) / (last - first);
    say(`${kind}: ${rate.toFixed(0)} pods/s; CPU a pod, ms: ${told(cpu)}`);
    return { rate, cpu };
  } catch (fault) {
    throw stop.signal.aborted ? stop.signal.reason : fault;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

const told = (cpu: CpuTimes): string =>
  Object.entries(cpu)
    .map(([what, ms]) => `${what} ${ms.toFixed(2)}`)
    .join(', ');
