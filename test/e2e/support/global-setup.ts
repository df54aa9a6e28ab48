// SPDX-License-Identifier: Apache-2.0
// Brings up the journeys' cluster once for the whole project e2e and takes it down at the end.
// KERF_E2E_KEEP=1 leaves it up, and uses one that is up: for people who write journeys.
import { downCluster, openCluster, upCluster } from '../../cluster/index.js';
import { ensureBuilt, WORKLOAD_FILES } from '../../cluster/kerf/artefacts.js';
import { installKerf } from '../../cluster/kerf/install.js';
import { JOURNEY_CLUSTER } from './journey.js';
import { SIZE } from './size.js';

const keeps = process.env.KERF_E2E_KEEP === '1';
const say = (step: string): void => console.log(`e2e: ${step}`);

export default async function setup(): Promise<() => Promise<void>> {
  if (!(keeps && openCluster(JOURNEY_CLUSTER))) {
    await ensureBuilt(say);
    await downCluster(JOURNEY_CLUSTER);
    const cluster = await upCluster({
      name: JOURNEY_CLUSTER,
      nodes: 2,
      gpus: { n1: [{ model: 'A100-40G', count: 8 }], n2: [{ model: 'H200-141G', count: 1 }] },
      labels: { n1: { gpu: 'on' }, n2: { gpu: 'on' } },
      workloadFiles: WORKLOAD_FILES,
      onProgress: say,
    });
    await installKerf(cluster, {
      values: { 'vendors.amd.enabled': 'true' },
      splits: SIZE.splits,
      links: { n1: 'DGX-1V' },
      quarantineSeconds: 5,
      onProgress: say,
    });
  }
  return async () => {
    if (!keeps) await downCluster(JOURNEY_CLUSTER);
  };
}
