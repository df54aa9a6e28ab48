// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_SERVICE, allAddresses, POD_RANGE, SERVICE_RANGE } from './addresses.js';
import { type Authority, createAuthority, type Identity, issue, writeIdentity } from './certs.js';
import { kubeconfig, writeKubeconfig } from './kubeconfig.js';
import type { ClusterShape } from './options.js';
import type { ProgramSpec } from './programs.js';
import type { Addresses } from './state.js';

/** What the programs of a control plane are told. */
export interface Plan {
  readonly shape: ClusterShape;
  readonly stateDir: string;
  readonly binDir: string;
  readonly addresses: Addresses;
  /** Where etcd writes: a disk inside the namespaces, so that a kill takes it along. */
  readonly etcdDir: string;
}

const pki = (plan: Plan, file: string): string => join(plan.stateDir, 'pki', file);
const conf = (plan: Plan, file: string): string => join(plan.stateDir, 'conf', file);
const bin = (plan: Plan, program: string): string => join(plan.binDir, program);

export const auditLogOf = (stateDir: string): string => join(stateDir, 'audit.log');

export const insideUrl = (addresses: Addresses): string => `https://${addresses.advertise}:${addresses.api}`;

/** Users of the cluster's own parts: [file, user, groups]. */
const USERS: readonly (readonly [string, string, readonly string[]])[] = [
  ['admin', 'kerf-admin', ['system:masters']],
  ['controllers', 'system:kube-controller-manager', []],
  ['scheduler', 'system:kube-scheduler', []],
  ['proxy', 'system:kube-proxy', []],
];

/** Certificates, kubeconfigs and configuration files. Answers the authority, for the nodes. */
export async function prepareControlPlane(plan: Plan): Promise<Authority> {
  mkdirSync(join(plan.stateDir, 'conf'), { recursive: true });
  const authority = await createAuthority(join(plan.stateDir, 'pki'));
  const serving = {
    name: 'kube-apiserver',
    groups: ['system:masters'], // it is also the client of kubelets
    ips: ['127.0.0.1', API_SERVICE, ...allAddresses(0)],
    dns: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
  };
  writeIdentity(join(plan.stateDir, 'pki'), 'apiserver', await issue(authority, serving));
  await Promise.all(USERS.map((user) => writeUser(plan, authority, user)));
  writeFileSync(conf(plan, 'audit-policy.yaml'), JSON.stringify(AUDIT_POLICY));
  writeFileSync(
    conf(plan, 'scheduler.yaml'),
    JSON.stringify(schedulerConfiguration(conf(plan, 'scheduler.conf'))),
  );
  writeFileSync(conf(plan, 'proxy.yaml'), JSON.stringify(proxyConfiguration(conf(plan, 'proxy.conf'))));
  return authority;
}

async function writeUser(
  plan: Plan,
  authority: Authority,
  [file, name, groups]: (typeof USERS)[number],
): Promise<void> {
  const identity: Identity = await issue(authority, { name, groups });
  writeIdentity(join(plan.stateDir, 'pki'), file, identity);
  const text = kubeconfig(insideUrl(plan.addresses), authority.certPem, { identity });
  writeKubeconfig(conf(plan, `${file}.conf`), text);
}

/** Every request once, when it is answered: who, what, with which code; no bodies. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

export function schedulerConfiguration(kubeconfigPath: string): object {
  return {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    leaderElection: { leaderElect: false },
    clientConnection: { kubeconfig: kubeconfigPath, qps: 1000, burst: 2000 },
  };
}

function proxyConfiguration(kubeconfigPath: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    hostnameOverride: 'n1', // one proxy for all nodes: they share the network namespace
    clusterCIDR: POD_RANGE,
    clientConnection: { kubeconfig: kubeconfigPath },
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    // Sysctls of connection tracking belong to the machine: leave them alone.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    // Answers of a pod on the same bridge would bypass the translation: bridges here do not call iptables.
    iptables: { masqueradeAll: true, syncPeriod: '30s', minSyncPeriod: '200ms' },
  };
}

const withoutNodes = (plan: Plan): boolean => plan.shape.nodes === 0;
const flags = (values: Readonly<Record<string, string | number | boolean>>): string[] =>
  Object.entries(values).map(([key, value]) => `--${key}=${value}`);

export function etcd(plan: Plan): ProgramSpec {
  const client = `http://127.0.0.1:${plan.addresses.etcdClient}`;
  const peer = `http://127.0.0.1:${plan.addresses.etcdPeer}`;
  const values = {
    'data-dir': plan.etcdDir,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'unsafe-no-fsync': true,
    'log-level': 'warn',
    'quota-backend-bytes': 4 * 2 ** 30,
  };
  return { name: 'etcd', argv: [bin(plan, 'etcd'), ...flags(values)] };
}

export function apiServer(plan: Plan): ProgramSpec {
  const values = {
    'etcd-servers': `http://127.0.0.1:${plan.addresses.etcdClient}`,
    'bind-address': plan.addresses.bind,
    'secure-port': plan.addresses.api,
    'advertise-address': plan.addresses.advertise,
    'tls-cert-file': pki(plan, 'apiserver.crt'),
    'tls-private-key-file': pki(plan, 'apiserver.key'),
    'client-ca-file': pki(plan, 'ca.crt'),
    'service-account-key-file': pki(plan, 'sa.pub'),
    'service-account-signing-key-file': pki(plan, 'sa.key'),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-cluster-ip-range': SERVICE_RANGE,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': true,
    'kubelet-client-certificate': pki(plan, 'apiserver.crt'),
    'kubelet-client-key': pki(plan, 'apiserver.key'),
    'kubelet-preferred-address-types': 'InternalIP',
    'enable-aggregator-routing': true, // webhook services are called by endpoint address: no proxy needed here
    'audit-policy-file': conf(plan, 'audit-policy.yaml'),
    'audit-log-path': auditLogOf(plan.stateDir),
    'audit-log-maxsize': 4096, // MB; a rotated log would hide writes from whoever counts them
    // A loopback address is refused for the endpoints of the `kubernetes` service.
    ...(plan.addresses.bind === '127.0.0.1' ? { 'endpoint-reconciler-type': 'none' } : {}),
    v: 1,
  };
  return { name: 'kube-apiserver', argv: [bin(plan, 'kube-apiserver'), ...flags(values)] };
}

export function controllers(plan: Plan): ProgramSpec {
  const values = {
    kubeconfig: conf(plan, 'controllers.conf'),
    'bind-address': '127.0.0.1',
    'secure-port': plan.addresses.controllers,
    'use-service-account-credentials': true,
    'service-account-private-key-file': pki(plan, 'sa.key'),
    'root-ca-file': pki(plan, 'ca.crt'),
    'cluster-signing-cert-file': pki(plan, 'ca.crt'),
    'cluster-signing-key-file': pki(plan, 'ca.key'),
    'leader-elect': false,
    'kube-api-qps': 500,
    'kube-api-burst': 1000,
    // Nodes that are only objects send no heartbeats: nobody may call them dead.
    controllers: withoutNodes(plan) ? '*,-node-lifecycle-controller' : '*',
    v: 1,
  };
  return { name: 'kube-controller-manager', argv: [bin(plan, 'kube-controller-manager'), ...flags(values)] };
}

export function scheduler(plan: Plan): ProgramSpec {
  const values = {
    config: conf(plan, 'scheduler.yaml'),
    'bind-address': '127.0.0.1',
    'secure-port': plan.addresses.scheduler,
    v: 1,
  };
  return { name: 'kube-scheduler', argv: [bin(plan, 'kube-scheduler'), ...flags(values)] };
}

export function proxy(plan: Plan): ProgramSpec {
  return {
    name: 'kube-proxy',
    argv: [bin(plan, 'kube-proxy'), ...flags({ config: conf(plan, 'proxy.yaml') })],
  };
}
