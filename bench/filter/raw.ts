// SPDX-License-Identifier: Apache-2.0
// Objects as the watch brings them, of the size a real one has: managed fields are cut off, statuses are not.
import type { Sighting } from '../../src/core/holding.js';
import type { NodeFacts } from '../../src/core/node.js';
import { vendorNamed } from '../../src/vendors/index.js';
import { encodeInventory } from '../../src/wire/inventory.js';
import { inventoryOf, PLACEMENT } from '../../src/wire/names.js';
import { encodePlacement } from '../../src/wire/placement.js';
import { VENDOR } from './fleet.js';

const resources = vendorNamed(VENDOR)?.resources;

export function rawNodeOf({ name, devices, slots }: NodeFacts): object {
  const allocatable = {
    cpu: '96',
    memory: '1056462096Ki',
    pods: '110',
    [resources?.count ?? '']: String(slots.get(VENDOR)),
  };
  const annotations = {
    'node.alpha.kubernetes.io/ttl': '0',
    [inventoryOf(VENDOR)]: encodeInventory(devices),
  };
  const status = {
    allocatable,
    capacity: allocatable,
    conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map(conditionOf),
  };
  return { metadata: { name, annotations, labels: { 'kubernetes.io/hostname': name } }, spec: {}, status };
}

export function rawPodOf(sighting: Sighting): object {
  const { uid, pod, node, claim } = sighting;
  const [namespace, name] = pod.split('/');
  const placement = claim.kind === 'placed' ? encodePlacement(claim.placement) : '';
  const limits = {
    cpu: '4',
    memory: '16Gi',
    [resources?.count ?? '']: '1',
    [resources?.memory[0] ?? '']: '4096',
    [resources?.cores[0] ?? '']: '10',
  };
  const metadata = {
    uid,
    name,
    namespace,
    annotations: { [PLACEMENT]: placement },
    labels: { app: 'bench' },
  };
  const main = { name: 'main', image: 'bench:1', resources: { limits, requests: limits } };
  return {
    metadata,
    spec: { nodeName: node, schedulerName: 'kerf-scheduler', containers: [main] },
    status: { phase: 'Running', conditions: ['PodScheduled', 'Initialized', 'Ready'].map(conditionOf) },
  };
}

const conditionOf = (type: string): object => ({
  type,
  status: 'True',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
