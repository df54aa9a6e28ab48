// SPDX-License-Identifier: Apache-2.0
// The demo without nodes: real API server, real schedulers, nodes that are objects only. Pods are placed, not run.
import { grantedOf } from '../../observing/granted.js';
import { mib, WHOLE_DEVICE } from '../../core/units.js';
import { VENDORS } from '../../vendors/index.js';
import { encodeInventory } from '../../wire/inventory.js';
import { inventoryOf } from '../../wire/names.js';
import { devicesFrame } from '../cli/devices-frame.js';
import { explainFrame } from '../cli/explain-frame.js';
import { listAll } from '../cli/kube.js';
import type { DemoApi } from './api.js';
import { DEMO_NAMESPACE, DEMO_PODS, TOO_LARGE } from './pods.js';
import { explanationOf } from './reach.js';
import type { Scene } from './walk.js';

interface PaperNode {
  readonly name: string;
  readonly model: string;
  readonly devices: number;
  readonly memoryMiB: number;
}

const NODES: readonly PaperNode[] = [
  { name: 'n1', model: 'A100-40G', devices: 2, memoryMiB: 40_960 },
  { name: 'n2', model: 'H200-141G', devices: 1, memoryMiB: 144_384 },
];

const SPLITS = 10;
const MERGE = 'application/merge-patch+json';

/** Before Kerf is installed: afterwards only a node's own agent may write its inventory. */
export async function makePaperNodes(api: DemoApi): Promise<void> {
  for (const node of NODES) {
    await api.create('/api/v1/nodes', nodeObject(node));
    // Admission taints a new node as not ready, and nobody runs who would take that off.
    const body = JSON.stringify({ spec: { taints: null } });
    await api.client.send({ method: 'PATCH', path: `/api/v1/nodes/${node.name}`, contentType: MERGE, body });
  }
}

function nodeObject({ name, model, devices, memoryMiB }: PaperNode): object {
  const vendor = VENDORS[0];
  if (vendor === undefined) throw new Error('bug: there is no vendor');
  const inventory = Array.from({ length: devices }, (_, index) => ({
    id: `paper-${name}-${index}`,
    vendor: vendor.name,
    index,
    model,
    memory: mib(memoryMiB),
    cores: WHOLE_DEVICE,
    splits: SPLITS,
    numa: null,
    isHealthy: true,
    reason: '',
  }));
  const room = {
    cpu: '64',
    memory: '256Gi',
    pods: '110',
    [vendor.resources.count]: String(devices * SPLITS),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
      annotations: { [inventoryOf(vendor.name)]: encodeInventory(inventory) },
    },
    status: {
      capacity: room,
      allocatable: room,
      conditions: [{ type: 'Ready', status: 'True', reason: 'Paper' }],
    },
  };
}

export async function placeOnly({ stage, api, reach }: Scene): Promise<void> {
  stage.chapter('Three pods ask for parts of a device');
  for (const { name, asks } of DEMO_PODS) stage.say(`   ${name}: ${asks}`);
  await api.makeNamespace();
  for (const pod of DEMO_PODS) await api.createPod(pod);
  const names = DEMO_PODS.map(({ name }) => name);
  await stage.during(
    api.awaitPods(names, (pod) => pod.spec.nodeName !== undefined),
    () => granted(api, stage.hasColour),
  );
  stage.chapter(`A pod asks for ${TOO_LARGE.asks}: it has to wait, and Kerf says why`);
  await api.createPod(TOO_LARGE);
  const explanation = await explanationOf(reach, `${DEMO_NAMESPACE}/${TOO_LARGE.name}`);
  stage.say(explainFrame(explanation, stage.hasColour));
}

async function granted({ client }: DemoApi, hasColour: boolean): Promise<string> {
  const nodes = await listAll<unknown>(client, '/api/v1/nodes');
  const pods = await listAll<unknown>(client, '/api/v1/pods');
  return devicesFrame(grantedOf({ nodes, pods }, VENDORS), hasColour);
}
