// SPDX-License-Identifier: Apache-2.0
// A cluster says which vendors it has, and may call their resources otherwise than the rows do (values `vendors.*`).
import { err, ok, type Result } from '../core/result.js';
import type { ResourceNames, Vendor } from './vendor.js';

const SINGLE = ['count', 'priority'] as const;
const LISTS = ['memory', 'memoryPercentage', 'cores'] as const;

/**
 * `document`: vendor name → all its resource names, and `enabled` (absent: true). A vendor it does not name, or names
 * with `enabled` alone, keeps its names; one it does not name is on as its row says. An error is one sentence.
 */
export function renameResources(
  vendors: readonly Vendor[],
  document: unknown,
): Result<readonly Vendor[], string> {
  if (!isRecord(document)) return err('the resource names are no map of vendors');
  const unknown = Object.keys(document).find((name) => vendors.every((vendor) => vendor.name !== name));
  if (unknown !== undefined)
    return err(`vendor ${unknown} is not known: want one of ${vendors.map(({ name }) => name).join(', ')}`);
  const renamed: Vendor[] = [];
  for (const vendor of vendors) {
    const row = readRow(vendor, document[vendor.name]);
    if (!row.ok) return row;
    if (row.value !== null) renamed.push(row.value);
  }
  const twice = firstTwice(renamed);
  return twice === null ? ok(renamed) : err(`resource ${twice} is named twice: want each name once`);
}

/** null: switched off. Names of one that is off are checked all the same: they will be used when it is on. */
function readRow(vendor: Vendor, said: unknown): Result<Vendor | null, string> {
  if (said === undefined) return ok(vendor.isOnByDefault ? vendor : null);
  if (!isRecord(said)) return err(`the names of ${vendor.name} are no map`);
  const { enabled = true, ...names } = said;
  if (typeof enabled !== 'boolean')
    return err(`${vendor.name}.enabled is ${JSON.stringify(enabled)}: want true or false`);
  const resources = Object.keys(names).length === 0 ? ok(vendor.resources) : readNames(vendor.name, names);
  if (!resources.ok) return resources;
  return ok(enabled ? { ...vendor, resources: resources.value } : null);
}

function readNames(vendor: string, names: Readonly<Record<string, unknown>>): Result<ResourceNames, string> {
  for (const key of SINGLE)
    if (!isName(names[key]))
      return err(`${vendor}.${key} is ${JSON.stringify(names[key])}: want domain/name`);
  for (const key of LISTS) {
    const list = names[key];
    if (!Array.isArray(list) || list.length === 0 || !list.every(isName))
      return err(`${vendor}.${key} is ${JSON.stringify(list)}: want a list of domain/name, ours first`);
  }
  const { count, memory, memoryPercentage, cores, priority } = names as unknown as ResourceNames;
  return ok({ count, memory, memoryPercentage, cores, priority });
}

function firstTwice(vendors: readonly Vendor[]): string | null {
  const all = vendors.flatMap(({ resources: { count, memory, memoryPercentage, cores, priority } }) => [
    ...[count, priority, ...memory],
    ...[...memoryPercentage, ...cores],
  ]);
  return all.find((name, index) => all.indexOf(name) !== index) ?? null;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/.test(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
