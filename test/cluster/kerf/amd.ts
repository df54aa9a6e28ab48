// SPDX-License-Identifier: Apache-2.0
// A second vendor on a node of a running cluster: fake AMD GPUs beside what the node has, their agent, and a monitor
// that asks both. The scheduler must know the vendor: install Kerf with the chart value `vendors.amd.enabled`.
import { join } from 'node:path';
import type { Cluster } from '../cluster.js';
import { until } from '../pids.js';
import { findProgram, removeIn, spawnIn, tail } from '../programs.js';
import { accountKubeconfig } from './accounts.js';
import { ARTEFACTS } from './artefacts.js';
import { FAKE_DIR } from './fake-gpus.js';
import { RESOURCE_NAMES } from './install.js';
import { amdPluginPort, monitorPort, pluginPort } from './ports.js';

export const AMD_PROGRAMS = {
  plugin: (node: string): string => `kerf-device-plugin-amd-${node}`,
  monitor: (node: string): string => `kerf-monitor-both-${node}`,
} as const;

/** On a port of its own, so that the node's own monitor stays. */
export const bothMonitorPort = (node: string): number => monitorPort(node) + 50;

/** `gpus`: rows of native/fake/amd-rows, `MI300X-192G*2`. Answers when the node offers their slots. */
export async function addAmd(cluster: Cluster, node: string, ...gpus: readonly string[]): Promise<void> {
  await layAmdGpus(cluster, node, gpus);
  const agent = await accountKubeconfig(cluster, 'kerf-device-plugin', node);
  const env = { KERF_FAKE_DIR: FAKE_DIR };
  const listen = `127.0.0.1:${amdPluginPort(node)}`;
  await removeAmd(cluster, node);
  await spawnIn(cluster, {
    name: AMD_PROGRAMS.plugin(node),
    ...{ node, env },
    argv: [
      ...[process.execPath, ARTEFACTS.devicePlugin, '--vendor', 'amd', '--node-name', node],
      ...['--resource-names', join(cluster.stateDir, 'conf', RESOURCE_NAMES)],
      ...['--kubeconfig', agent, '--library-dir', ARTEFACTS.libraries],
      ...['--driver-library', `amd=${ARTEFACTS.fakeRocmSmi}`, '--metrics-listen', listen],
    ],
  });
  await spawnIn(cluster, {
    name: AMD_PROGRAMS.monitor(node),
    ...{ node, env },
    argv: [
      ...[process.execPath, ARTEFACTS.monitor, '--node-name', node],
      ...['--vendor', 'nvidia', '--plugin-url', `http://127.0.0.1:${pluginPort(node)}`],
      ...['--vendor', 'amd', '--plugin-url', `http://${listen}`],
      ...['--driver-library', `nvidia=${ARTEFACTS.fakeNvml}`],
      ...['--driver-library', `amd=${ARTEFACTS.fakeRocmSmi}`],
      ...['--listen', `127.0.0.1:${bothMonitorPort(node)}`],
    ],
  });
  await awaitSlots(cluster, node);
}

export async function removeAmd(cluster: Cluster, node: string): Promise<void> {
  for (const name of [AMD_PROGRAMS.plugin(node), AMD_PROGRAMS.monitor(node)]) await removeIn(cluster, name);
}

export async function fakeAmdOn(cluster: Cluster, node: string, ...args: readonly string[]): Promise<string> {
  const [verb = '', ...rest] = args;
  const ran = await cluster.exec(node, [ARTEFACTS.fakeAmd, verb, FAKE_DIR, ...rest]);
  if (ran.code !== 0)
    throw new Error(`kerf-fake-amd ${args.join(' ')} on ${node}: ${ran.stderr}${ran.stdout}`);
  return ran.stdout;
}

async function layAmdGpus(cluster: Cluster, node: string, gpus: readonly string[]): Promise<void> {
  const wishes = gpus.flatMap((gpu) => ['--gpu', gpu]);
  await fakeAmdOn(cluster, node, 'init', ...wishes, '--seed', node);
  const copied = await cluster.exec(node, ['cp', `${FAKE_DIR}/amd/cdi/amd.json`, '/etc/cdi/']);
  if (copied.code !== 0) throw new Error(`CDI spec of ${node}: ${copied.stderr}`);
}

async function awaitSlots(cluster: Cluster, node: string): Promise<void> {
  const offersSlots = async (): Promise<boolean> => {
    const answer = await cluster.api.call({ method: 'GET', path: `/api/v1/nodes/${node}` });
    const isAnnounced = answer.body?.metadata?.annotations?.['kerf.dev/inventory-amd'] !== undefined;
    return isAnnounced && Number(answer.body?.status?.allocatable?.['amd.com/gpu'] ?? 0) > 0;
  };
  if (await until(offersSlots, 60_000, 200)) return;
  const log = findProgram(cluster, AMD_PROGRAMS.plugin(node))?.logFile;
  throw new Error(`node ${node} offers no amd.com/gpu: ${log === undefined ? 'not started' : tail(log)}`);
}
