// SPDX-License-Identifier: Apache-2.0
// A policy is one pure function from how full a thing would be to how much it is liked.
// One search, many policies: place and score ask this table and know none of its rows by name.
import { NO_DEMAND, type Packing } from './packing/packing.js';
import type { DevicePolicy, DevicePolicyName, NodePolicy, NodePolicyName } from './request.js';

export interface Policy {
  /** `fill` 0..1 is the mean of memory, compute and slices held, the request included. More is better. */
  readonly like: (fill: number) => number;
}

/** Fullest first: keeps devices whole for those who need them whole. */
const BINPACK: Policy = { like: (fill) => fill };
/** Emptiest first: fewest neighbours. */
const SPREAD: Policy = { like: (fill) => 1 - fill };

const POLICIES: Partial<Record<DevicePolicyName, Policy>> = { binpack: BINPACK, spread: SPREAD };

export const NODE_POLICY_NAMES: readonly NodePolicyName[] = ['binpack', 'spread'];
export const DEVICE_POLICY_NAMES: readonly DevicePolicyName[] = ['binpack', 'spread'];

export const nodePolicyOf = (policy: NodePolicy): Policy =>
  POLICIES[policy[0]?.[0]?.name ?? 'binpack'] ?? BINPACK;
export const devicePolicyOf = (policy: DevicePolicy): Policy => POLICIES[policy[0] ?? 'binpack'] ?? BINPACK;

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
