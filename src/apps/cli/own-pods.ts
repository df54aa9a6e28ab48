// SPDX-License-Identifier: Apache-2.0
// Kerf's own pods, asked through the API server: no port of theirs needs to be open to anybody else.
import { getFromPod, type PodAnswer } from '../../adapters/kubernetes/port-forward.js';
import { NAMESPACE } from '../../wire/names.js';
import { type Kube, listAll } from './kube.js';

export interface OwnPod {
  readonly name: string;
  readonly node: string;
  get(path: string): Promise<PodAnswer>;
}

/** Where each program listens, unless its pod names a port `metrics`. */
const PORTS = { monitor: 9401, scheduler: 9480 } as const;
const PORT_NAME = 'metrics';

interface PodItem {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: { readonly phase?: string };
}

/** Running pods of one of our programs. */
export async function ownPods(kube: Kube, component: keyof typeof PORTS): Promise<readonly OwnPod[]> {
  const selector = `app.kubernetes.io/name=kerf,app.kubernetes.io/component=${component}`;
  const pods = await listAll<PodItem>(kube.client, `/api/v1/namespaces/${NAMESPACE}/pods`, selector);
  return pods
    .filter((pod) => pod.status?.phase === 'Running')
    .map((pod) => {
      const at = { namespace: NAMESPACE, pod: pod.metadata.name, port: namedPort(pod) ?? PORTS[component] };
      return {
        name: pod.metadata.name,
        node: pod.spec.nodeName ?? pod.metadata.name,
        get: (path: string) => getFromPod(kube.config, at, path),
      };
    });
}

function namedPort(pod: PodItem): number | undefined {
  const ports = (pod.spec.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === PORT_NAME)?.containerPort;
}
