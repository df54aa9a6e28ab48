// SPDX-License-Identifier: Apache-2.0
// The demo at the API server, as an ordinary user would be: creates pods, looks at them.
import { setTimeout as sleep } from 'node:timers/promises';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.js';
import { loadCredentials } from '../../adapters/kubernetes/credentials.js';
import { KubeFault } from '../../adapters/kubernetes/fault.js';
import { listAll } from '../cli/kube.js';
import { DEMO_NAMESPACE, type DemoPod, manifestOf } from './pods.js';

export interface PodSeen {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly phase?: string };
}

const PODS = `/api/v1/namespaces/${DEMO_NAMESPACE}/pods`;
const PATIENCE_MS = 90_000;
const CONFLICT = 409;

export class DemoApi {
  readonly client: KubeClient;

  constructor(kubeconfig: string) {
    this.client = createKubeClient({ credentials: loadCredentials(kubeconfig), agent: 'kerf-demo' });
  }

  async makeNamespace(): Promise<void> {
    const metadata = { name: DEMO_NAMESPACE };
    await this.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
  }

  /** What is there already is left as it is: the demo may be run again. */
  async createPod(pod: DemoPod): Promise<void> {
    await this.create(PODS, manifestOf(pod));
  }

  pods(): Promise<readonly PodSeen[]> {
    return listAll<PodSeen>(this.client, PODS);
  }

  /** Waits until `isReady` holds for each named pod. */
  async awaitPods(names: readonly string[], isReady: (pod: PodSeen) => boolean): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const seen = new Map((await this.pods()).map((pod) => [pod.metadata.name, pod]));
      const waiting = names.filter((name) => {
        const pod = seen.get(name);
        return pod === undefined || !isReady(pod);
      });
      if (waiting.length === 0) return;
      if (Date.now() > end)
        throw new Error(`${waiting.join(', ')} did not get so far in ${PATIENCE_MS / 1000} s`);
      await sleep(300);
    }
  }

  /** As an admin's POST: what exists already stays. */
  async create(path: string, object: object): Promise<void> {
    try {
      await this.client.send({ method: 'POST', path, body: JSON.stringify(object) });
    } catch (fault) {
      if (!(fault instanceof KubeFault && fault.status === CONFLICT)) throw fault;
    }
  }
}
