// SPDX-License-Identifier: Apache-2.0
// The pods to bind: everyday slices, all alike, made before anybody schedules.
import type { KubeClient } from '../../src/adapters/kubernetes/client.js';
import { until } from '../../test/cluster/index.js';

export const NAMESPACE = 'throughput';
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const AT_ONCE = 16;
const PATIENCE_MS = 120_000;

export async function makePods(client: KubeClient, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index).values();
  const worker = async (): Promise<void> => {
    for (const number of numbers)
      await client.send({ method: 'POST', path: PODS, body: bodyOf(number), timeoutMs: PATIENCE_MS });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function bodyOf(number: number): string {
  const limits = { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '4096', 'nvidia.com/gpu-cores': '10' };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${number}`, labels: { app: 'throughput' } },
    spec: {
      schedulerName: 'kerf-scheduler',
      containers: [{ name: 'main', image: 'none', resources: { limits } }],
    },
  });
}

/** Resolves once none is left. */
export async function removePods(client: KubeClient): Promise<void> {
  const query = { gracePeriodSeconds: '0' };
  const remove = { method: 'DELETE', path: PODS, query, timeoutMs: PATIENCE_MS } as const;
  const isEmpty = async (): Promise<boolean> => {
    await client.send(remove);
    const page = await client.send({ method: 'GET', path: PODS, query: { limit: '1' } });
    return (JSON.parse(page) as { readonly items: readonly unknown[] }).items.length === 0;
  };
  if (!(await until(isEmpty, PATIENCE_MS)))
    throw new Error(`the pods are still there after ${PATIENCE_MS / 1000} s`);
}

/** Instants of performance.now(). */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** Without spec and status: to encode whole pods for the bench would be work that nobody else asked for. */
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

export interface Bindings {
  readonly count: number;
  /** Called once, at the first. */
  readonly onFirst: () => void;
  readonly onProgress: (bound: number) => void;
  readonly signal: AbortSignal;
}

/** Watches pods become bound: such a pod enters a watch that selects those with a node. Resolves at the last. */
export async function watchBindings(client: KubeClient, bindings: Bindings): Promise<Span> {
  const { count, onFirst, onProgress, signal } = bindings;
  const seen: number[] = [];
  for await (const boundAt of boundPods(client, signal)) {
    seen.push(boundAt);
    if (seen.length === 1) onFirst();
    onProgress(seen.length);
    if (seen.length === count) break;
  }
  const [first, last] = [seen[0], seen[count - 1]];
  if (first === undefined || last === undefined)
    throw new Error(`the watch ended after ${seen.length} of ${count} pods`);
  return { first, last };
}

const FIELDS = { fieldSelector: 'spec.nodeName!=' };

interface WatchEvent {
  readonly type: string;
  readonly object: { readonly metadata: { readonly resourceVersion: string } };
}

/** A busy API server ends watches that lag behind (`Forcing pods watcher close`): it is then asked again from there. */
async function* boundPods(client: KubeClient, signal: AbortSignal): AsyncIterable<number> {
  const page = await client.send({ method: 'GET', path: PODS, query: FIELDS });
  let { resourceVersion } = (JSON.parse(page) as WatchEvent['object']).metadata;
  while (!signal.aborted) {
    const query = { ...FIELDS, watch: '1', resourceVersion };
    const call = {
      method: 'GET',
      path: PODS,
      query,
      signal,
      accept: METADATA,
      timeoutMs: PATIENCE_MS,
    } as const;
    for await (const line of await client.lines(call)) {
      const event = JSON.parse(line) as WatchEvent;
      if (event.type === 'ERROR') throw new Error(`the watch failed: ${line}`);
      ({ resourceVersion } = event.object.metadata);
      if (event.type === 'ADDED') yield performance.now();
    }
  }
}
