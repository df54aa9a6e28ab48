// SPDX-License-Identifier: Apache-2.0
import { amd } from './amd.js';
import { ascend } from './ascend.js';
import { nvidia } from './nvidia.js';
import type { Vendor } from './vendor.js';

/** The list. Adding a vendor is one file and one row here, one probe, and one row in test/contract. */
export const VENDORS: readonly Vendor[] = [nvidia, ascend, amd];

/** Those that a cluster has where nobody says otherwise. */
export const DEFAULT_VENDORS: readonly Vendor[] = VENDORS.filter(({ isOnByDefault }) => isOnByDefault);

export function vendorNamed(name: string): Vendor | undefined {
  return VENDORS.find((vendor) => vendor.name === name);
}

export { withCuts } from './cuts.js';
export { DOUBLE_BIT_ECC, xidRule } from './nvidia-xid.js';
export { INSTANCE_MODE, type ResourceNames, type Vendor } from './vendor.js';
