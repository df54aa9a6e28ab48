// SPDX-License-Identifier: Apache-2.0
// Who leads? The kube-scheduler beside us holds a lease under its host's name, which is our pod's: of several replicas
// the one beside the leader answers for what binds do not ask about.
import { isRecord, parseJson } from '../../wire/json.js';
import type { KubeClient } from './client.js';

export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

/** Asks at each call: it is called when somebody wants a resize. Throws a Fault where nobody answers. */
export function createLeaderLook(
  client: KubeClient,
  lease: LeaseName,
  instance: string,
): () => Promise<boolean> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${lease.namespace}/leases/${lease.name}`;
  return async () => holderOf(await client.send({ method: 'GET', path })).startsWith(`${instance}_`);
}

/** `<host>_<random>`; empty where nobody holds it. */
function holderOf(text: string): string {
  const lease = parseJson(text);
  const spec = isRecord(lease) && isRecord(lease.spec) ? lease.spec : {};
  return typeof spec.holderIdentity === 'string' ? spec.holderIdentity : '';
}
