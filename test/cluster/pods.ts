// SPDX-License-Identifier: Apache-2.0
import type { Cluster } from './cluster.js';
import { until } from './pids.js';

/** Applies objects as admin; throws what kubectl says when it refuses. */
export async function apply(cluster: Cluster, ...objects: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const output = await cluster.kubectl(['apply', '-f', '-'], { input });
  if (output.code !== 0) throw new Error(output.stderr.trim());
}

/** A busybox pod that runs one line of shell; `node` binds it there without a scheduler. */
export function shellPod(name: string, line: string, node?: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox:test', command: ['sh', '-c', line] }],
    },
  };
}

export async function phaseOf(cluster: Cluster, name: string, namespace = 'default'): Promise<string> {
  const { body } = await cluster.api.call({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/pods/${name}`,
  });
  return body?.status?.phase ?? 'absent';
}

/** Throws with the pod's last phase and events when it does not get there in time. */
export async function awaitPhase(cluster: Cluster, name: string, phase: string): Promise<void> {
  if (await until(async () => (await phaseOf(cluster, name)) === phase, 60_000, 50)) return;
  const events = await cluster.kubectl(['get', 'events', '--field-selector', `involvedObject.name=${name}`]);
  throw new Error(`pod ${name} is ${await phaseOf(cluster, name)}, not ${phase}:\n${events.stdout}`);
}
