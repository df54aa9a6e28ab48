// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './api.js';
import { readIdentity } from './certs.js';
import { auditLogOf, insideUrl, type Plan } from './control-plane.js';
import { CRI_SOCKET, KUBELET_DIR } from './node.js';
import type { ClusterShape, GpuRow } from './options.js';
import { knownNames, stateDirOf } from './paths.js';
import { isAlive, type Pid } from './pids.js';
import { execIn, listPrograms, type Place } from './programs.js';
import { type Output, run, type RunOptions } from './shell.js';
import { type ClusterState, isRunningState, type NodeState, readState } from './state.js';

/** A real node. Paths with `outside` work from the outer machine, sockets included. */
export interface ClusterNode {
  readonly name: string;
  /** First process of the node's namespaces, as the outer machine numbers it. */
  readonly init: Pid;
  readonly pid: number;
  readonly address: string;
  readonly podCidr: string;
  readonly gpus: readonly GpuRow[];
  /** The node's file system as the outer machine sees it: `/proc/PID/root`. */
  readonly outsideRoot: string;
  /** As the node sees it: /run/containerd/containerd.sock. */
  readonly criSocket: string;
  readonly outsideCriSocket: string;
  /** As the node sees it: /var/lib/kubelet (device-plugins/kubelet.sock, pod-resources/kubelet.sock in it). */
  readonly kubeletDir: string;
  readonly outsideKubeletDir: string;
}

/** A running cluster. Plain data but for its few commands; another process gets the same by `openCluster(name)`. */
export interface Cluster extends Place {
  readonly name: string;
  readonly shape: ClusterShape;
  readonly plan: Plan;
  readonly nodes: readonly ClusterNode[];
  /** For programs inside: https://192.0.2.10:6443; pods may use https://10.96.0.1 too. */
  readonly apiUrlInside: string;
  /** For programs outside, through the relay. */
  readonly apiUrl: string;
  /** Admin, for programs outside. */
  readonly kubeconfigPath: string;
  /** Admin, for programs inside. */
  readonly insideKubeconfigPath: string;
  readonly caPem: string;
  readonly caPath: string;
  readonly auditLog: string;
  /** The API server as admin. */
  readonly api: Api;
  /** kubectl as admin, from outside. */
  kubectl(args: readonly string[], options?: RunOptions): Promise<Output>;
  /** Runs a command in a node's namespaces to its end. */
  exec(node: string, argv: readonly string[], options?: RunOptions): Promise<Output>;
  /** Runs a command in the cluster's own namespaces to its end. */
  execInside(argv: readonly string[], options?: RunOptions): Promise<Output>;
}

export function nodeOf(state: NodeState, shape: ClusterShape): ClusterNode {
  const outsideRoot = `/proc/${state.init.pid}/root`;
  return {
    ...state,
    pid: state.init.pid,
    gpus: shape.gpus[state.name] ?? [],
    outsideRoot,
    criSocket: CRI_SOCKET,
    outsideCriSocket: outsideRoot + CRI_SOCKET,
    kubeletDir: KUBELET_DIR,
    outsideKubeletDir: outsideRoot + KUBELET_DIR,
  };
}

export function planOf(stateDir: string, state: ClusterState): Plan {
  const { shape, binDir, addresses } = state;
  return { shape, stateDir, binDir, addresses, etcdDir: join(stateDir, 'disk', 'etcd') };
}

export const outsideKubeconfigOf = (stateDir: string): string => join(stateDir, 'kubeconfig');

export function clusterOf(stateDir: string, state: ClusterState): Cluster {
  const pki = join(stateDir, 'pki');
  const caPem = readFileSync(join(pki, 'ca.crt'), 'utf8');
  const apiUrl = `https://127.0.0.1:${state.outsidePort}`;
  const kubeconfigPath = outsideKubeconfigOf(stateDir);
  const place: Place = {
    stateDir,
    binDir: state.binDir,
    nodes: state.nodes,
    ...(state.init === undefined ? {} : { init: state.init }),
  };
  const kubectl = [
    join(state.binDir, 'kubectl'),
    `--kubeconfig=${kubeconfigPath}`,
    `--cache-dir=${stateDir}/kubectl`,
  ];
  return {
    ...place,
    name: state.shape.name,
    shape: state.shape,
    plan: planOf(stateDir, state),
    nodes: state.nodes.map((node) => nodeOf(node, state.shape)),
    apiUrlInside: insideUrl(state.addresses),
    apiUrl,
    kubeconfigPath,
    insideKubeconfigPath: join(stateDir, 'conf', 'admin.conf'),
    caPem,
    caPath: join(pki, 'ca.crt'),
    auditLog: auditLogOf(stateDir),
    api: new Api(apiUrl, caPem, readIdentity(pki, 'admin')),
    kubectl: (args, options) => run([...kubectl, ...args], options),
    exec: (node, argv, options) => execIn(place, { node, argv }, options),
    execInside: (argv, options) => execIn(place, { argv }, options),
  };
}

/** Of all users of this state folder; a folder that is no cluster's does not count. */
export const runningNames = (): string[] => knownNames().filter((name) => openCluster(name) !== undefined);

/** A cluster that another process brought up; undefined where none of that name runs. */
export function openCluster(name = 'default'): Cluster | undefined {
  const stateDir = stateDirOf(name);
  const state = readState(stateDir);
  if (!state || !isRunningState(state)) return undefined;
  const cluster = clusterOf(stateDir, state);
  return cluster.init || listPrograms(cluster).some(({ pid }) => isAlive(pid)) ? cluster : undefined;
}
