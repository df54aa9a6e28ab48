// SPDX-License-Identifier: Apache-2.0
// One kind, once: pods are made, its extender is started, then a fresh kube-scheduler meets them all.
import { type Contact, requestsSince } from './contact.js';
import { type CpuTimes, cpuTimes, perPod } from './cpu.js';
import { type Kind, startExtender, startScheduler, stopAll } from './kinds.js';
import { makePods, middleOf, removePods, watchBindings } from './pods.js';
import type { Say, Stage } from './stage.js';

export interface Outcome {
  /** Pods bound a second, from the first to the last. */
  readonly rate: number;
  /** The same over the later half, when all programs are warm. */
  readonly lateRate: number;
  /** Milliseconds of CPU a pod, by program. */
  readonly cpu: CpuTimes;
  /** Of Kerf with the API server, from its start until it was ready; null for other kinds. */
  readonly contact: Contact | null;
}

/** The slowest that is waited for: a scheduler that binds fewer than ten a second is stuck. */
const MOST_MS_PER_POD = 100;
const MOST_MS = 60_000;

export async function runOnce(
  stage: Stage,
  kind: Kind,
  { pods, say }: { pods: number; say: Say },
): Promise<Outcome> {
  say(`${kind}: making ${pods} pods`);
  await makePods(stage.client, pods);
  try {
    const since = new Date();
    const seconds = await startExtender(stage, kind);
    const contact = kind === 'kerf' ? { seconds, requests: await requestsSince(stage, since) } : null;
    return { contact, ...(await bindAll(stage, kind, { pods, say })) };
  } finally {
    await stopAll(stage);
    await removePods(stage.client);
  }
}

async function bindAll(
  stage: Stage,
  kind: Kind,
  { pods, say }: { pods: number; say: Say },
): Promise<Pick<Outcome, 'rate' | 'lateRate' | 'cpu'>> {
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
    const [{ first, middle, last }] = await Promise.all([watched, startScheduler(stage, kind)]);
    const cpu = perPod(before, cpuTimes(stage.cluster), pods);
    const rate = (1000 * (pods - 1)) / (last - first);
    const lateRate = (1000 * (pods - middleOf(pods))) / (last - middle);
    say(
      `${kind}: ${rate.toFixed(0)} pods/s, ${lateRate.toFixed(0)} in the later half; CPU a pod, ms: ${told(cpu)}`,
    );
    return { rate, lateRate, cpu };
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
