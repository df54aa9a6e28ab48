// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { issue, readAuthority } from './certs.js';
import type { Cluster } from './cluster.js';
import { type Credential, kubeconfig, writeKubeconfig } from './kubeconfig.js';
import { until } from './pids.js';

/** One user, two files: for programs inside the cluster's namespaces, and for those outside. */
export interface Kubeconfigs {
  readonly inside: string;
  readonly outside: string;
}

function write(cluster: Cluster, name: string, credential: Credential): Kubeconfigs {
  const file = (where: string): string => join(cluster.stateDir, 'conf', `${name}.${where}.conf`);
  return {
    inside: writeKubeconfig(file('inside'), kubeconfig(cluster.apiUrlInside, cluster.caPem, credential)),
    outside: writeKubeconfig(file('outside'), kubeconfig(cluster.apiUrl, cluster.caPem, credential)),
  };
}

/** Same token, for callers who speak HTTP themselves. Valid for a day; the account may be seconds old. */
export async function serviceAccountToken(
  cluster: Cluster,
  namespace: string,
  name: string,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 86_400 },
  };
  let token: unknown;
  await until(
    async () => {
      const answer = await cluster.api.call({ method: 'POST', path, body });
      token = answer.body?.status?.token;
      return typeof token === 'string';
    },
    10_000,
    100,
  );
  if (typeof token !== 'string') throw new Error(`service account ${namespace}/${name} is not there`);
  return token;
}

/** Kubeconfigs of a service account, by a token as a pod of it would get. */
export async function serviceAccountKubeconfig(
  cluster: Cluster,
  namespace: string,
  name: string,
): Promise<Kubeconfigs> {
  const token = await serviceAccountToken(cluster, namespace, name);
  return write(cluster, `sa-${namespace}-${name}`, { token });
}

/** Kubeconfigs of a person (or tenant), by a client certificate; what they may do is up to RBAC. */
export async function userKubeconfig(
  cluster: Cluster,
  name: string,
  groups: readonly string[] = [],
): Promise<Kubeconfigs> {
  const authority = await readAuthority(join(cluster.stateDir, 'pki'));
  const identity = await issue(authority, { name, groups });
  return write(cluster, `user-${name}`, { identity });
}

/** A serving certificate signed by the cluster's authority (its bundle is `cluster.caPem`), for webhooks and the like. */
export async function servingCertificate(
  cluster: Cluster,
  name: string,
  hosts: { readonly ips?: readonly string[]; readonly dns?: readonly string[] },
): Promise<{ readonly certPem: string; readonly keyPem: string }> {
  return issue(await readAuthority(join(cluster.stateDir, 'pki')), { name, ...hosts });
}
