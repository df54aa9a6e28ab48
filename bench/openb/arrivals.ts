// SPDX-License-Identifier: Apache-2.0
// The pods of an order, one after another, a few at a time: bound pods stay, one that fits nowhere is taken away.
import type { KubeClient } from '../../src/adapters/kubernetes/client.js';
import type { Trace } from '../../src/apps/cli/trace-files.js';
import { type Failed, noneFailed } from '../../src/core/packing/arrival.js';
import { classOf } from '../../src/core/packing/workload.js';
import type { OpenbPod } from '../../src/wire/openb.js';
import { NAMESPACE, podObject } from './objects.js';

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
/** Pods waiting at once: enough that kube-scheduler never waits for us, few enough that they come in order. */
const WINDOW = 8;
const PATIENCE_MS = 60_000;

export interface Arrived {
  readonly allocation: number;
  readonly failed: Failed;
  readonly seconds: number;
}

type Fate = 'bound' | 'failed';

interface PodEvent {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
    readonly spec: { readonly nodeName?: string };
    readonly status?: {
      readonly conditions?: readonly { readonly type: string; readonly reason?: string }[];
    };
  };
}

export async function arriveAll(
  client: KubeClient,
  trace: Trace,
  onStep: (done: number, allocation: number) => void,
): Promise<Arrived> {
  const fates = new Fates(client);
  await fates.start();
  const capacity = trace.nodes.reduce((sum, { gpus }) => sum + 1000 * gpus, 0);
  const failed = noneFailed();
  const turns = trace.order.entries();
  const begun = performance.now();
  let allocated = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (const [turn, row] of turns) {
      const pod = trace.pods[row] as OpenbPod;
      const fate = await arrive(client, fates, { pod, name: `pod-${turn}` });
      if (fate === 'bound') allocated += pod.gpus * pod.gpuMilli;
      else failed[classOf({ ...pod, models: -1 })]++;
      onStep(++done, allocated / capacity);
    }
  };
  try {
    await Promise.all(Array.from({ length: WINDOW }, worker));
  } finally {
    fates.stop();
  }
  return { allocation: allocated / capacity, failed, seconds: (performance.now() - begun) / 1000 };
}

async function arrive(
  client: KubeClient,
  fates: Fates,
  { pod, name }: { readonly pod: OpenbPod; readonly name: string },
): Promise<Fate> {
  const fate = fates.of(name);
  const body = JSON.stringify(podObject(pod, name));
  await client.send({ method: 'POST', path: PODS, body, timeoutMs: PATIENCE_MS });
  const known = await fate;
  if (known === 'bound') return known;
  const query = { gracePeriodSeconds: '0' };
  await client.send({ method: 'DELETE', path: `${PODS}/${name}`, query, timeoutMs: PATIENCE_MS });
  return known;
}

/** What becomes of each pod, as the watch shows it. */
class Fates {
  readonly #client: KubeClient;
  readonly #waiting = new Map<string, { tell: (fate: Fate) => void; fail: (fault: unknown) => void }>();
  readonly #ending = new AbortController();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  of(name: string): Promise<Fate> {
    return new Promise((tell, fail) => this.#waiting.set(name, { tell, fail }));
  }

  async start(): Promise<void> {
    const page = await this.#client.send({ method: 'GET', path: PODS, query: { limit: '1' } });
    const { resourceVersion } = (JSON.parse(page) as PodEvent['object']).metadata;
    this.#watch(resourceVersion).catch((fault: unknown) => {
      for (const { fail } of this.#waiting.values()) fail(fault);
    });
  }

  stop(): void {
    this.#ending.abort();
  }

  /** A busy API server ends watches that lag behind: it is then asked again from there. */
  async #watch(from: string): Promise<void> {
    const { signal } = this.#ending;
    let resourceVersion = from;
    while (!signal.aborted) {
      const query = { watch: '1', resourceVersion };
      const lines = await this.#client.lines({ method: 'GET', path: PODS, query, signal });
      for await (const line of lines) {
        const event = JSON.parse(line) as PodEvent;
        if (event.type === 'ERROR') throw new Error(`the watch failed: ${line}`);
        ({ resourceVersion } = event.object.metadata);
        this.#see(event.object);
      }
    }
  }

  #see({ metadata, spec, status }: PodEvent['object']): void {
    const isFailed = status?.conditions?.some(({ reason }) => reason === 'Unschedulable') === true;
    const fate = spec.nodeName !== undefined ? 'bound' : isFailed ? 'failed' : null;
    if (fate === null) return;
    this.#waiting.get(metadata.name)?.tell(fate);
    this.#waiting.delete(metadata.name);
  }
}
