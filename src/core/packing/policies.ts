// SPDX-License-Identifier: Apache-2.0
// Packing policies by name, made anew for each replay: some learn.
import { typicalMix } from './arrival.js';
import { BEST_FIT, fgd } from './fgd.js';
import type { Fleet } from './fleet.js';
import { fragmentationPolicy } from './kerf.js';
import type { PackingPolicy } from './policy.js';
import type { Workload } from './workload.js';

type Make = (fleet: Fleet, workload: Workload) => PackingPolicy;

export const PACKING_POLICIES = {
  fragmentation: (fleet, { shapes }) => fragmentationPolicy(fleet, shapes),
  /** Published, and told the mix of the whole list beforehand. */
  fgd: (_, workload) => fgd(typicalMix(workload)),
  'best-fit': () => BEST_FIT,
} as const satisfies Readonly<Record<string, Make>>;

export type PackingPolicyName = keyof typeof PACKING_POLICIES;

export const isPackingPolicy = (name: string): name is PackingPolicyName =>
  Object.hasOwn(PACKING_POLICIES, name);

export const makePolicy = (name: PackingPolicyName, fleet: Fleet, workload: Workload): PackingPolicy =>
  PACKING_POLICIES[name](fleet, workload);
