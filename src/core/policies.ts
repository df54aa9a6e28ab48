// SPDX-License-Identifier: Apache-2.0
// A policy is one pure function from how full a thing would be to how much it is liked.
// One search, many policies: place and score ask this table and know none of its rows by name.
import type { PolicyName } from './request.js';

export interface Policy {
  /** `fill` 0..1 is the mean of memory, compute and slices held, the request included. More is better. */
  readonly like: (fill: number) => number;
}

export const POLICIES: Readonly<Record<PolicyName, Policy>> = {
  /** Fullest first: keeps devices whole for those who need them whole. */
  binpack: { like: (fill) => fill },
  /** Emptiest first: fewest neighbours. */
  spread: { like: (fill) => 1 - fill },
};

/** The cluster's choice where a pod says nothing. */
export interface PolicyDefaults {
  readonly nodePolicy: PolicyName;
  readonly devicePolicy: PolicyName;
}

export const DEFAULT_POLICIES: PolicyDefaults = { nodePolicy: 'binpack', devicePolicy: 'binpack' };
