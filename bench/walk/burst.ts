// SPDX-License-Identifier: Apache-2.0
// Time from create to Running, as a watch sees it, with and without slices, in turn on one real node.
import type { Api, PodObject } from '../../test/e2e/support/api.js';
import { isReady } from '../../test/e2e/support/api.js';
import { type Ask, container, pod } from '../../test/e2e/support/manifests.js';

export interface Burst {
  readonly namespace: string;
  readonly count: number;
  /** null: pods that ask for no device. */
  readonly ask: Ask | null;
}

/** Seconds from the first create to the last pod Running with all containers started; the pods are then removed. */
export async function burstSeconds(api: Api, burst: Burst): Promise<number> {
  const { namespace, count, ask } = burst;
  const spec = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
  const prefix = `burst-${Math.random().toString(36).slice(2, 8)}`;
  const pods = Array.from({ length: count }, (_, index) =>
    pod(`${prefix}-${index}`, [container(ask)], { namespace, spec }),
  );
  const stop = new AbortController();
  const running = whenRunning(api, { namespace, count, signal: stop.signal });
  const start = performance.now();
  await api.createAll(pods);
  const end = await Promise.race([running, tooLate(180_000)]);
  stop.abort();
  await api.empty(namespace);
  return (end - start) / 1000;
}

async function tooLate(ms: number): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, ms).unref());
  throw new Error(`the pods do not all run after ${ms / 1000} s`);
}

interface Watched {
  readonly namespace: string;
  readonly count: number;
  readonly signal: AbortSignal;
}

async function whenRunning(api: Api, { namespace, count, signal }: Watched): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { metadata } = await api.get<{ metadata: { resourceVersion: string } }>(path);
  const query = { watch: '1', resourceVersion: metadata.resourceVersion };
  const seen = new Set<string>();
  for await (const line of await api.client.lines({
    method: 'GET',
    path,
    query,
    signal,
    timeoutMs: 600_000,
  })) {
    const { object } = JSON.parse(line) as { object: PodObject };
    if (object.status?.phase === 'Running' && isReady(object)) seen.add(object.metadata.uid);
    if (seen.size >= count) return performance.now();
  }
  throw new Error('the watch ended early');
}
