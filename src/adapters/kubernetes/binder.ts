// SPDX-License-Identifier: Apache-2.0
// The one write that places a pod. The API server merges the Binding's own annotations into the pod in the same
// write that sets spec.nodeName, so node and slices become visible together or not at all.
import type { BindingOutcome, Bindings, BindingWrite, PodReader } from '../../scheduling/ports.js';
import { PLACEMENT } from '../../wire/names.js';
import type { PodView } from '../../wire/pod-view.js';
import type { KubeClient } from './client.js';
import { KubeFault } from './fault.js';

export function createBinder(client: KubeClient): Bindings {
  return {
    async write(write) {
      try {
        await client.send({ method: 'POST', path: `${podPath(write)}/binding`, body: bodyOf(write) });
        return { kind: 'written' };
      } catch (fault) {
        return outcomeOf(fault);
      }
    },
  };
}

export function createPodReader(client: KubeClient, project: (raw: unknown) => PodView): PodReader {
  return {
    async readPod(namespace, name) {
      try {
        return project(JSON.parse(await client.send({ method: 'GET', path: podPath({ namespace, name }) })));
      } catch (fault) {
        if (fault instanceof KubeFault && fault.status === 404) return null;
        throw fault;
      }
    },
  };
}

export function podPath({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
}

/** The UID makes the API server refuse a pod that was deleted and made again under the same name. */
function bodyOf({ uid, namespace, name, node, placement }: BindingWrite): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: {
      namespace,
      name,
      uid,
      ...(placement === null ? {} : { annotations: { [PLACEMENT]: placement } }),
    },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  });
}

/** A 4xx changed nothing. A 5xx or silence may have: the API server can time out after etcd has written. */
export function outcomeOf(fault: unknown): BindingOutcome {
  if (!(fault instanceof KubeFault)) throw fault;
  const { status, message } = fault;
  if (status >= 400 && status < 500)
    return { kind: 'refused', isConflict: status === 409, sentence: message };
  return { kind: 'unknown', sentence: message };
}
