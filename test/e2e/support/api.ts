// SPDX-License-Identifier: Apache-2.0
// The few questions journeys ask the API server, over one kept-alive client (a kubectl per question is too slow).
import { createKubeClient, type KubeClient } from '../../../src/adapters/kubernetes/client.js';
import { loadCredentials } from '../../../src/adapters/kubernetes/credentials.js';
import { KubeFault } from '../../../src/adapters/kubernetes/fault.js';
import { waitFor } from './wait.js';

export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly name: string }[] };
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly message?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly containerID?: string;
  readonly allocatedResourcesStatus?: readonly {
    readonly name: string;
    readonly resources?: readonly { readonly resourceID: string; readonly health?: string }[];
  }[];
  readonly state: {
    readonly running?: { readonly startedAt: string };
    readonly waiting?: { readonly reason: string; readonly message?: string };
    readonly terminated?: { readonly exitCode: number };
  };
}

export interface EventObject {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string; readonly kind: string };
}

/** The client's own number of connections: more would only wait in it, and time out there. */
const AT_ONCE = 16;
/** 500 pods on two cores: an answer may take its time. */
const PATIENCE_MS = 60_000;

interface ListOf<T> {
  readonly items: readonly T[];
}

export class Api {
  readonly client: KubeClient;

  constructor(kubeconfig: string) {
    this.client = createKubeClient({ credentials: loadCredentials(kubeconfig), agent: 'kerf-journeys' });
  }

  async get<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    return JSON.parse(await this.client.send({ method: 'GET', path, query, timeoutMs: PATIENCE_MS })) as T;
  }

  async post<T>(path: string, body: object): Promise<T> {
    return JSON.parse(
      await this.client.send({ method: 'POST', path, body: JSON.stringify(body), timeoutMs: PATIENCE_MS }),
    ) as T;
  }

  async patch<T>(path: string, body: object): Promise<T> {
    const contentType = 'application/merge-patch+json';
    return JSON.parse(
      await this.client.send({ method: 'PATCH', path, body: JSON.stringify(body), contentType }),
    ) as T;
  }

  async delete(path: string, query: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.client
      .send({ method: 'DELETE', path, query, timeoutMs: PATIENCE_MS })
      .catch((fault: unknown) => {
        if (!(fault instanceof KubeFault) || fault.status !== 404) throw fault;
      });
  }

  async pods(namespace: string, labelSelector?: string): Promise<readonly PodObject[]> {
    const query: Record<string, string> = labelSelector === undefined ? {} : { labelSelector };
    return (await this.get<ListOf<PodObject>>(`/api/v1/namespaces/${namespace}/pods`, query)).items;
  }

  async allPods(): Promise<readonly PodObject[]> {
    return (await this.get<ListOf<PodObject>>('/api/v1/pods')).items;
  }

  pod(namespace: string, name: string): Promise<PodObject> {
    return this.get<PodObject>(`/api/v1/namespaces/${namespace}/pods/${name}`);
  }

  async events(namespace: string, name: string): Promise<readonly EventObject[]> {
    const query = { fieldSelector: `involvedObject.name=${name}` };
    return (await this.get<ListOf<EventObject>>(`/api/v1/namespaces/${namespace}/events`, query)).items;
  }

  /** Creates pods (or others by their `kind`), as many requests at once as the client has connections. */
  async createAll(objects: readonly object[]): Promise<void> {
    const queue = objects.values();
    const worker = async (): Promise<void> => {
      for (const object of queue) await this.post(collectionOf(object), object);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  /** The pods once all of them run with every container ready. */
  async running(namespace: string, count: number, timeoutMs = 60_000): Promise<readonly PodObject[]> {
    return waitFor(
      `${count} pods Running in ${namespace}`,
      async () => {
        const pods = await this.pods(namespace);
        const good = pods.filter((pod) => pod.status.phase === 'Running' && isReady(pod));
        return good.length >= count ? good : undefined;
      },
      { timeoutMs, why: () => this.whyNot(namespace) },
    );
  }

  /** A line for each of the first ten pods that do not run, and their latest events. */
  private async whyNot(namespace: string): Promise<string> {
    const stuck = (await this.pods(namespace)).filter(
      (pod) => pod.status.phase !== 'Running' || !isReady(pod),
    );
    const lines = stuck.slice(0, 10).map(async ({ metadata, spec, status }) => {
      const states = (status.containerStatuses ?? []).map(({ state }) => JSON.stringify(state));
      const refused = (status.conditions ?? []).flatMap((each) => (each.message ? [each.message] : []));
      const events = (await this.events(namespace, metadata.name)).slice(-3);
      return [
        `  ${metadata.name} on ${spec.nodeName ?? 'no node'}: ${status.phase} ${status.reason ?? ''}`,
        ...states,
        ...refused,
        ...events.map(({ reason, message }) => `${reason}: ${message}`),
      ].join('\n    ');
    });
    return [`${stuck.length} pods do not run:`, ...(await Promise.all(lines))].join('\n');
  }

  async makeNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.post('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    });
    // Pods are refused until the controller has made the namespace's account.
    await waitFor(`account of ${name}`, () => this.get(`/api/v1/namespaces/${name}/serviceaccounts/default`));
  }

  /** Deletes all pods and controllers of a namespace and waits until the pods are gone; the namespace stays. */
  async empty(namespace: string): Promise<void> {
    await this.delete(`/apis/apps/v1/namespaces/${namespace}/deployments`);
    await this.delete(`/apis/batch/v1/namespaces/${namespace}/jobs`, { propagationPolicy: 'Background' });
    await waitFor(
      `no pods in ${namespace}`,
      async () => {
        await this.delete(`/api/v1/namespaces/${namespace}/pods`, { gracePeriodSeconds: '1' });
        return (await this.pods(namespace)).length === 0;
      },
      { timeoutMs: 600_000, everyMs: 1_000 },
    );
  }
}

export function isReady(pod: PodObject): boolean {
  const statuses = pod.status.containerStatuses ?? [];
  return statuses.length === pod.spec.containers.length && statuses.every((status) => status.state.running);
}

const GROUPS: Readonly<Record<string, readonly [string, string]>> = {
  Pod: ['/api/v1', 'pods'],
  Deployment: ['/apis/apps/v1', 'deployments'],
  Job: ['/apis/batch/v1', 'jobs'],
};

function collectionOf(object: object): string {
  const { kind, metadata } = object as { kind: string; metadata: { namespace: string } };
  const [group, plural] = GROUPS[kind] ?? ['/api/v1', `${kind.toLowerCase()}s`];
  return `${group}/namespaces/${metadata.namespace}/${plural}`;
}
