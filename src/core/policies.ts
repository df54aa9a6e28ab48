// SPDX-License-Identifier: Apache-2.0
// Policies are rows: who may be beside, and how much a device, a pair of devices or a node is liked, 0..1, more is
// better. One search asks the rows and knows none of them by name (see chain, trial, score).
import { fillOfDevice, fillOfNode, highOfDevice } from './fill.js';
import type { Company } from './fit.js';
import type { VendorView } from './node.js';
import { NO_DEMAND, type Packing } from './packing/packing.js';
import { likeDeviceByWaste, likeNodeByWaste } from './packing/rise.js';
import type { DevicePolicy, DevicePolicyName, NodePolicy, NodePolicyName } from './request.js';
import type { DeviceSight, NodeSight } from './sight.js';
import { linkAt, meanLinks, squash } from './topology.js';
import { likeOfLinks } from './wiring.js';

export interface DeviceRow {
  /** A must: who may be on the device beside the slice. */
  readonly company?: Company;
  readonly each?: (sight: DeviceSight) => number;
  /** `each` follows from the wish and the device's own state alone: worked out once per state. */
  readonly isByState?: true;
  /** Where one device alone is wanted. */
  readonly alone?: (sight: DeviceSight) => number;
  /** Of two devices of one set, by their places. */
  readonly pair?: (view: VendorView, a: number, b: number) => number;
}

export interface NodeRow {
  readonly like: (sight: NodeSight) => number;
}

const fillOf = ({ view, ask }: NodeSight): number => fillOfNode(view.totals, ask, view.devices.length);

/** Links are told apart in steps of 10 (see LinkMatrix), and a chain tells 1023 steps apart. */
const LINK_STEPS = 10 * 1023;

export const DEVICE_POLICIES: Readonly<Record<DevicePolicyName, DeviceRow>> = {
  /** Fullest first: keeps devices whole for those who need them whole. */
  binpack: { each: fillOfDevice, isByState: true },
  /** Emptiest first: fewest neighbours. */
  spread: { each: (sight) => 1 - fillOfDevice(sight), isByState: true },
  /** Where the waste of the node rises least. */
  fragmentation: { each: likeDeviceByWaste },
  /** Several: the best connected set. One: the worst connected device, so that the sets stay whole. */
  topology: {
    alone: ({ view, at }) => 1 - squash(meanLinks(view.pairs)[at] ?? 0),
    pair: ({ pairs }, a, b) => Math.min(1, linkAt(pairs, a, b) / LINK_STEPS),
  },
  /** Within one NUMA node. */
  numa: {
    pair: ({ devices }, a, b) => {
      const numa = devices[a]?.device.numa ?? null;
      return numa !== null && numa === devices[b]?.device.numa ? 1 : 0;
    },
  },
  /** A slice of high priority where others of high priority have least; a low one fills beside. */
  priority: {
    each: (sight) => (sight.wish.slice.priority === 'high' ? 1 - highOfDevice(sight) : fillOfDevice(sight)),
    isByState: true,
  },
  /** No other pod beside it, now or later; containers of its own may be. */
  mutex: { company: 'own' },
  /** Nobody beside it at all. */
  exclusive: { company: 'none' },
};

export const NODE_POLICIES: Readonly<Record<NodePolicyName, NodeRow>> = {
  binpack: { like: fillOf },
  spread: { like: (sight) => 1 - fillOf(sight) },
  /** Where the waste of the node rises least, and whole nodes are kept for those who need them whole. */
  fragmentation: { like: likeNodeByWaste },
  topology: { like: likeOfLinks },
};

export const NODE_POLICY_NAMES = Object.keys(NODE_POLICIES) as readonly NodePolicyName[];
export const DEVICE_POLICY_NAMES = Object.keys(DEVICE_POLICIES) as readonly DevicePolicyName[];

/** A policy of one name. */
export const nodePolicy = (name: NodePolicyName): NodePolicy => [[{ name, weight: 1 }]];

/** What holds for a pod where it says nothing itself, and what packing knows of the cluster's demand. */
export interface PlacingRules {
  readonly nodePolicy: NodePolicy;
  readonly devicePolicy: DevicePolicy;
  readonly packing: Packing;
}

export const DEFAULT_RULES: PlacingRules = {
  nodePolicy: nodePolicy('binpack'),
  devicePolicy: ['binpack'],
  packing: NO_DEMAND,
};
