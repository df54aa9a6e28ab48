// SPDX-License-Identifier: Apache-2.0
import type { Cluster } from './cluster.js';

type Amounts = Readonly<Record<string, string>>;

/** Nodes that are objects only: Ready, with room, and nobody behind them. */
export interface ApiNodeOptions {
  readonly count: number;
  /** Name of the k-th node (from 0). Default `node-0001` … */
  readonly name?: (index: number) => string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: (index: number) => Readonly<Record<string, string>>;
  /** Added to cpu 64, memory 256Gi, pods 600. */
  readonly allocatable?: Amounts | ((index: number) => Amounts);
}

const AT_ONCE = 16;

/** Makes them and answers their names. For clusters with `apiOnly`: elsewhere the node controller would call them dead. */
export async function makeApiOnlyNodes(cluster: Cluster, options: ApiNodeOptions): Promise<string[]> {
  const nameOf = options.name ?? ((index: number) => `node-${String(index + 1).padStart(4, '0')}`);
  const names = Array.from({ length: options.count }, (_, index) => nameOf(index));
  const queue = names.entries();
  const worker = async (): Promise<void> => {
    for (const [index, name] of queue) await makeNode(cluster, name, bodyOf(name, index, options));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return names;
}

function bodyOf(name: string, index: number, options: ApiNodeOptions): object {
  const { allocatable = {} } = options;
  const own = typeof allocatable === 'function' ? allocatable(index) : allocatable;
  const room = { cpu: '64', memory: '256Gi', pods: '600', ...own };
  const at = new Date().toISOString();
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...options.labels },
      annotations: options.annotations?.(index) ?? {},
    },
    status: {
      capacity: room,
      allocatable: room,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'ApiOnly', lastHeartbeatTime: at, lastTransitionTime: at },
      ],
    },
  };
}

async function makeNode(cluster: Cluster, name: string, body: object): Promise<void> {
  const made = await cluster.api.call({ method: 'POST', path: '/api/v1/nodes', body });
  if (made.status !== 201) throw new Error(`node ${name} could not be made: ${JSON.stringify(made.body)}`);
  // Admission taints each new node as not ready; the controller that would take it off does not run.
  const untaint = { spec: { taints: null } };
  const done = await cluster.api.call({ method: 'PATCH', path: `/api/v1/nodes/${name}`, body: untaint });
  if (done.status !== 200) throw new Error(`node ${name} keeps its taint: ${JSON.stringify(done.body)}`);
}
