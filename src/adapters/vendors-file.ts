// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { renameResources } from '../vendors/rename.js';
import { DEFAULT_VENDORS, VENDORS, type Vendor } from '../vendors/index.js';

/** The vendors of this cluster, by the names of a YAML file; those on by default where no file is named. Throws a sentence. */
export function readVendors(file: string | undefined): readonly Vendor[] {
  if (file === undefined || file === '') return DEFAULT_VENDORS;
  const vendors = renameResources(VENDORS, parse(readFileSync(file, 'utf8')));
  if (!vendors.ok) throw new Error(`${file}: ${vendors.error}`);
  return vendors.value;
}
