// SPDX-License-Identifier: Apache-2.0
// What every journey starts with: the real cluster with Kerf on it (brought up once for all of them by
// global-setup.ts), a namespace of its own, and the questions all journeys ask.
import { decodePlacement } from '../../../src/wire/placement.js';
import type { Placement } from '../../../src/core/placement.js';
import { type Cluster, openCluster } from '../../cluster/index.js';
import { pluginPort } from '../../cluster/kerf/ports.js';
import { getInside } from '../../cluster/kerf/install.js';
import { Api, type PodObject } from './api.js';

/** n1: 8 × A100-40G linked as in a DGX-1V, n2: 1 × H200-141G. Another name lets two people run journeys side by side. */
export const JOURNEY_CLUSTER = process.env.KERF_E2E_CLUSTER ?? 'e2e';
export const PLACEMENT = 'kerf.dev/placement';

export interface Journey {
  readonly cluster: Cluster;
  readonly api: Api;
  readonly namespace: string;
}

export interface SlotRecord {
  readonly slot: string;
  readonly ids: readonly string[];
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string } | null;
  readonly container: string | null;
  readonly slices: readonly {
    readonly deviceId: string;
    readonly memoryMiB: number;
    readonly corePercent: number;
  }[];
  readonly enforcement: string;
}

export async function startJourney(letter: string): Promise<Journey> {
  const cluster = openCluster(JOURNEY_CLUSTER);
  if (cluster === undefined)
    throw new Error(`cluster ${JOURNEY_CLUSTER} is not up: run by vitest's project e2e`);
  const api = new Api(cluster.kubeconfigPath);
  const namespace = `journey-${letter}-${Date.now().toString(36)}`;
  await api.makeNamespace(namespace);
  return { cluster, api, namespace };
}

export async function endJourney(journey: Journey | undefined): Promise<void> {
  if (journey === undefined) return;
  await journey.api.empty(journey.namespace);
  await journey.api.delete(`/api/v1/namespaces/${journey.namespace}`);
  await journey.api.client.close();
}

/** Runs a command in a container and answers what it printed; throws when it failed. */
export async function execIn(
  journey: Journey,
  at: { readonly pod: string; readonly container?: string },
  command: readonly string[],
): Promise<string> {
  const container = at.container === undefined ? [] : ['-c', at.container];
  const argv = ['exec', '-n', journey.namespace, at.pod, ...container, '--', ...command];
  const ran = await journey.cluster.kubectl(argv);
  if (ran.code !== 0)
    throw new Error(`${command.join(' ')} in ${at.pod}: exit ${ran.code} ${ran.stdout} ${ran.stderr}`);
  return ran.stdout;
}

/** The last JSON line a program printed. */
export function lastJson<T>(text: string): T {
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return JSON.parse(lines.at(-1) ?? 'null') as T;
}

export function placementOf(pod: PodObject): Placement {
  const letter = pod.metadata.annotations?.[PLACEMENT];
  if (letter === undefined) throw new Error(`pod ${pod.metadata.name} carries no placement`);
  const decoded = decodePlacement(letter);
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value;
}

export function devicesOf(pod: PodObject): string[] {
  return placementOf(pod).containers.flatMap((container) => container.slices.map((slice) => slice.deviceId));
}

/** The node agent's own records. */
export async function slotsOf(cluster: Cluster, node: string): Promise<readonly SlotRecord[]> {
  const text = await getInside(cluster, `http://127.0.0.1:${pluginPort(node)}/v1/slots`);
  if (text === undefined) throw new Error(`the agent of ${node} does not tell its slots`);
  const told = JSON.parse(text) as readonly SlotRecord[] | { readonly slots: readonly SlotRecord[] };
  return 'slots' in told ? told.slots : told;
}
