// SPDX-License-Identifier: Apache-2.0
// The rows that need a kubelet and an API server: one real cluster with fake accelerators for all of them.
import { downCluster, upCluster } from '../../test/cluster/index.js';
import { WORKLOAD_FILES } from '../../test/cluster/kerf/artefacts.js';
import { installKerf } from '../../test/cluster/kerf/install.js';
import { Api } from '../../test/e2e/support/api.js';
import type { Row } from '../report.js';
import { resizeRows } from './resize.js';
import type { Size } from './size.js';
import { xidRows } from './xid.js';

const NAME = 'bench-node';

const say = (step: string): void => console.error(`node: ${step}`);

export async function clusterRows(size: Size): Promise<readonly Row[]> {
  await downCluster(NAME);
  const gpus = { n1: [{ model: 'A100-40G', count: 2 }] };
  const cluster = await upCluster({ name: NAME, gpus, workloadFiles: WORKLOAD_FILES, onProgress: say });
  const api = new Api(cluster.kubeconfigPath);
  try {
    await installKerf(cluster, { onProgress: say });
    return [...(await resizeRows(cluster, api, size)), ...(await xidRows(cluster, api, size))];
  } finally {
    await api.client.close();
    await downCluster(NAME);
  }
}
