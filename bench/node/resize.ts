// SPDX-License-Identifier: Apache-2.0
// From the annotation kerf.dev/resize to the scheduler's answer, and to the node's own record of the new size.
import type { Cluster } from '../../test/cluster/index.js';
import type { Api, PodObject } from '../../test/e2e/support/api.js';
import { placementOf, slotsOf } from '../../test/e2e/support/journey.js';
import { container, pod } from '../../test/e2e/support/manifests.js';
import { waitFor } from '../../test/e2e/support/wait.js';
import { RESIZE } from '../../src/wire/names.js';
import { encodeResize } from '../../src/wire/resize.js';
import type { Row } from '../report.js';
import { median } from '../walk/statistics.js';
import type { Size } from './size.js';

const NAMESPACE = 'resize';
const SIZES = [1000, 2000] as const;
const OFTEN = { everyMs: 10, timeoutMs: 60_000 };

export async function resizeRows(cluster: Cluster, api: Api, { repeats }: Size): Promise<readonly Row[]> {
  await api.makeNamespace(NAMESPACE);
  await api.createAll([pod('p', [container({ mem: SIZES[0] })], { namespace: NAMESPACE })]);
  await api.running(NAMESPACE, 1);
  const [answered, followed]: [number[], number[]] = [[], []];
  for (let round = 1; round <= repeats; round++) {
    const memory = SIZES[round % 2] as number;
    const start = performance.now();
    await ask(api, round, memory);
    await waitFor('an answer', async () => memoryOf(await api.pod(NAMESPACE, 'p')) === memory, OFTEN);
    answered.push(performance.now() - start);
    await waitFor('the node', async () => (await onNode(cluster)) === memory, OFTEN);
    followed.push(performance.now() - start);
  }
  const row = (metric: string, value: number): Row => ({
    ...{ bench: 'node', metric: `resize, ${metric}`, value, unit: 'ms', bar: '', holds: null },
  });
  return [
    row('annotation to the new placement, median', median(answered)),
    row('to the node’s slot (a look takes some 100 ms), median', median(followed)),
    row(`the slowest of ${followed.length}`, Math.max(...followed)),
  ];
}

async function ask(api: Api, round: number, memory: number): Promise<void> {
  const limits = { 'nvidia.com/gpu-mem': String(memory) };
  const letter = encodeResize({ id: String(round), container: 'main', limits });
  await api.patch(`/api/v1/namespaces/${NAMESPACE}/pods/p`, {
    metadata: { annotations: { [RESIZE]: letter } },
  });
}

const memoryOf = (found: PodObject): number | undefined =>
  placementOf(found).containers[0]?.slices[0]?.memory;

const onNode = async (cluster: Cluster): Promise<number | undefined> =>
  (await slotsOf(cluster, 'n1')).find(({ pod: of }) => of?.namespace === NAMESPACE)?.slices[0]?.memoryMiB;
