// SPDX-License-Identifier: Apache-2.0
// What is granted in the whole cluster, read from the API server alone: inventories on nodes, placements on pods.
// The scheduler's own ledger does the counting, so that both tell the same.
import { physicalCores, physicalMemory } from '../core/device.js';
import { Ledger } from '../core/ledger.js';
import type { DeviceState, NodeView } from '../core/node.js';
import { overcommitted } from '../core/overcommit.js';
import type { Overcommit } from '../core/policy-document.js';
import type { Vendor } from '../vendors/index.js';
import { type LinkTriangle, triangleOf } from '../wire/links.js';
import { readNodeFacts } from '../wire/node-view.js';
import { readPodView } from '../wire/pod-view.js';
import { holdsSomething, sightingOf } from '../wire/sighting.js';

export interface ClusterObjects {
  /** As the API server sends them. */
  readonly nodes: readonly unknown[];
  readonly pods: readonly unknown[];
  /** Said by the policy document, where that may be read. */
  readonly overcommit?: readonly Overcommit[];
}

export interface GrantedDevice {
  readonly id: string;
  readonly vendor: string;
  readonly index: number;
  readonly model: string;
  /** NUMA node; null where it is not told. */
  readonly numa: number | null;
  readonly healthy: boolean;
  readonly reason: string;
  readonly cordoned: boolean;
  readonly memoryMiB: number;
  readonly grantedMiB: number;
  readonly corePercent: number;
  readonly grantedCorePercent: number;
  readonly splits: number;
  readonly slices: number;
  /** One slice owns it whole. */
  readonly exclusive: boolean;
  /** What may be given out, where the policy says that it is not what is there. */
  readonly grantableMiB?: number;
  readonly grantableCorePercent?: number;
}

export interface GrantedNode {
  readonly node: string;
  readonly devices: readonly GrantedDevice[];
  /** Vendor → how each of its devices is linked with those after it, in order of index; where it is told. */
  readonly links: Readonly<Record<string, LinkTriangle>>;
  /** What an admin should look at, one sentence each. */
  readonly problems: readonly string[];
}

/** Nodes with an inventory (readable or not), by name. */
export function grantedOf(objects: ClusterObjects, vendors: readonly Vendor[]): readonly GrantedNode[] {
  const ledger = new Ledger();
  for (const node of objects.nodes)
    ledger.setNode(overcommitted(readNodeFacts(node, vendors), objects.overcommit ?? []));
  const pods = objects.pods.map((pod) => readPodView(pod, vendors));
  for (const pod of pods.filter(holdsSomething)) ledger.confirm(sightingOf(pod));
  return [...ledger.allNodes()]
    .filter((view) => view.vendors.size > 0)
    .map(grantedNode)
    .sort((a, b) => a.node.localeCompare(b.node, 'en', { numeric: true }));
}

function grantedNode(view: NodeView): GrantedNode {
  const devices = [...view.vendors.values()].flatMap((vendor) => vendor.devices.map(grantedDevice));
  const unread = [...view.vendors.values()].flatMap(({ unreadable }) => unreadable ?? []);
  const held = view.heldBy === null ? [] : [`held whole: the placement of ${view.heldBy} cannot be read`];
  const links = [...view.vendors].flatMap(([vendor, { links: matrix }]) =>
    matrix === null ? [] : [[vendor, triangleOf(matrix)] as const],
  );
  return { node: view.name, devices, links: Object.fromEntries(links), problems: [...unread, ...held] };
}

function grantedDevice({ device, hold, isCordoned }: DeviceState): GrantedDevice {
  return {
    id: device.id,
    vendor: device.vendor,
    index: device.index,
    model: device.model,
    numa: device.numa,
    healthy: device.isHealthy,
    reason: device.reason,
    cordoned: isCordoned,
    memoryMiB: physicalMemory(device),
    grantedMiB: hold.memory,
    corePercent: physicalCores(device) / 10,
    grantedCorePercent: hold.cores / 10,
    splits: device.splits,
    slices: hold.slices,
    exclusive: hold.isExclusive,
    ...(device.physical === undefined
      ? {}
      : { grantableMiB: device.memory, grantableCorePercent: device.cores / 10 }),
  };
}
