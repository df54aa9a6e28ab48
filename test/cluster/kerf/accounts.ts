// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import type { Cluster } from '../cluster.js';
import { kubeconfig, writeKubeconfig } from '../kubeconfig.js';
import { until } from '../pids.js';

const NAMESPACE = 'kerf-system';

/**
 * Kubeconfig (for programs inside) of one of our service accounts, by a token as its pod would hold it.
 * With `node` the token is bound to that Node, so that it carries the node-name claim (GA since 1.32)
 * which the inventory's policy asks for.
 */
export async function accountKubeconfig(cluster: Cluster, account: string, node?: string): Promise<string> {
  const boundObjectRef = node === undefined ? undefined : await nodeRef(cluster, node);
  const token = await tokenOf(cluster, account, { expirationSeconds: 86_400, boundObjectRef });
  const file = join(cluster.stateDir, 'conf', `${account}${node === undefined ? '' : `-${node}`}.conf`);
  return writeKubeconfig(file, kubeconfig(cluster.apiUrlInside, cluster.caPem, { token }));
}

async function nodeRef(cluster: Cluster, node: string): Promise<object> {
  const found = await cluster.api.call({ method: 'GET', path: `/api/v1/nodes/${node}` });
  return { kind: 'Node', apiVersion: 'v1', name: node, uid: found.body.metadata.uid };
}

async function tokenOf(cluster: Cluster, account: string, spec: object): Promise<string> {
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${account}/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  let told = '';
  let token: unknown;
  await until(
    async () => {
      const answer = await cluster.api.call({ method: 'POST', path, body });
      token = answer.body?.status?.token;
      told = JSON.stringify(answer.body);
      return typeof token === 'string';
    },
    10_000,
    100,
  );
  if (typeof token !== 'string') throw new Error(`no token for ${account}: ${told}`);
  return token;
}
