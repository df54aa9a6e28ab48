// SPDX-License-Identifier: Apache-2.0
import { setTimeout as pause } from 'node:timers/promises';
import { removeCgroups } from './cgroups.js';
import { type Cluster, openCluster } from './cluster.js';
import { openNodeNamespace } from './namespace.js';
import { containerdName, kubeletName } from './node.js';
import { killPid, waitGone } from './pids.js';
import { isRunning, type Program, restartIn, signalIn, startIn, stopIn } from './programs.js';
import { waitForRuntime } from './runtime.js';
import { readState, writeState } from './state.js';
import { awaitApi } from './up.js';

/** `kill -9` without a new start; `startKubelet` brings it back. */
export const killKubelet = (cluster: Cluster, node: string): Promise<void> =>
  stopIn(cluster, kubeletName(node), 'SIGKILL');

export const startKubelet = (cluster: Cluster, node: string): Promise<Program> =>
  startIn(cluster, kubeletName(node));

/** As `systemctl restart kubelet` would: containers go on. */
export const restartKubelet = (cluster: Cluster, node: string): Promise<Program> =>
  restartIn(cluster, kubeletName(node));

export const restartContainerd = (cluster: Cluster, node: string): Promise<Program> =>
  restartIn(cluster, containerdName(node));

/** `kill -9`: nobody is told. */
export const stopApiServer = (cluster: Cluster): Promise<void> =>
  stopIn(cluster, 'kube-apiserver', 'SIGKILL');

/** Answers when it is ready again. */
export async function startApiServer(cluster: Cluster): Promise<void> {
  await startIn(cluster, 'kube-apiserver');
  // Killed a moment ago its port may still be taken: the new one then ends at once with "address already in use".
  const isUp = await awaitApi(cluster, cluster.api, 10_000).then(
    () => true,
    () => isRunning(cluster, 'kube-apiserver'),
  );
  if (!isUp) await startIn(cluster, 'kube-apiserver');
  await awaitApi(cluster, cluster.api);
}

export async function withoutApiServer(cluster: Cluster, forMs: number): Promise<void> {
  await stopApiServer(cluster);
  await pause(forMs);
  await startApiServer(cluster);
}

/** The API server is there but answers nobody, until `thaw`. */
export const freezeApiServer = (cluster: Cluster): void => signalIn(cluster, 'kube-apiserver', 'SIGSTOP');
export const thawApiServer = (cluster: Cluster): void => signalIn(cluster, 'kube-apiserver', 'SIGCONT');

/**
 * Cuts a node's power and starts it again: all its processes die, /run is empty, /etc, /var and /opt are as they were.
 * containerd and kubelet come back; whatever else ran there is the caller's to start. Answers the cluster as it is now
 * (the node's process id has changed), before the node is Ready again.
 */
export async function rebootNode(cluster: Cluster, name: string): Promise<Cluster> {
  const node = cluster.nodes.find((each) => each.name === name);
  const state = readState(cluster.stateDir);
  if (!node || !state || !cluster.init) throw new Error(`node '${name}' is not in cluster '${cluster.name}'`);
  killPid(node.init, 'SIGKILL');
  await waitGone(node.init, 20_000);
  removeCgroups(cluster.name, name); // as a reboot would; kubelet waits 3 s for each container it finds there
  const init = await openNodeNamespace({ ...cluster, init: cluster.init }, name);
  const nodes = state.nodes.map((each) => (each.name === name ? { ...each, init } : each));
  writeState(cluster.stateDir, { ...state, nodes });
  const rebooted = openCluster(cluster.name);
  if (!rebooted) throw new Error(`cluster '${cluster.name}' ended while '${name}' was rebooting`);
  await startIn(rebooted, containerdName(name));
  await waitForRuntime(rebooted, name);
  await startIn(rebooted, kubeletName(name));
  return rebooted;
}
