// SPDX-License-Identifier: Apache-2.0
// Gives a node its fake accelerators: the driver's libraries, their devices and the vendor's CDI spec,
// laid out where a real node has them.
import type { Cluster, ClusterNode } from '../cluster.js';
import { ARTEFACTS } from './artefacts.js';

/** In the node's own /run, so that it is gone with the node. */
export const FAKE_DIR = '/run/kerf-fake';

/** `links`: how they are linked, a row of native/fake/links. */
export async function layFakeGpus(cluster: Cluster, node: ClusterNode, links?: string): Promise<void> {
  const gpus = node.gpus.flatMap((row) => ['--gpu', `${row.model}*${row.count}`]);
  if (gpus.length === 0) return;
  const board = links === undefined ? [] : ['--links', links];
  // Made once a node: running programs share what is there, and a second one would hide them.
  if ((await cluster.exec(node.name, ['test', '-d', FAKE_DIR])).code === 0) return;
  const argv = [ARTEFACTS.fakeGpus, 'init', FAKE_DIR, ...gpus, ...board, '--seed', node.name];
  const made = await cluster.exec(node.name, argv);
  if (made.code !== 0) throw new Error(`fake GPUs of ${node.name}: ${made.stderr}${made.stdout}`);
  const linked = await cluster.exec(node.name, [
    'sh',
    '-c',
    `mkdir -p /etc/cdi && cp ${FAKE_DIR}/cdi/*.json /etc/cdi/`,
  ]);
  if (linked.code !== 0) throw new Error(`CDI spec of ${node.name}: ${linked.stderr}`);
}
