// SPDX-License-Identifier: Apache-2.0
// The resources part of the letter in wire/pod: one container's limits (else requests) of one vendor's names.
import type { MemoryWish, SliceRequest } from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';
import { type MiB, type MilliCores, milliCores, WHOLE_DEVICE } from '../core/units.js';
import type { Vendor } from '../vendors/index.js';
import type { Amounts, BadField, ContainerPlace } from './pod-shape.js';
import {
  compareQuantities,
  type MemoryFlaw,
  memoryMiB,
  parseQuantity,
  type Quantity,
  wholeOf,
} from './quantity.js';

/** One amount as it was written. */
export interface Written {
  readonly name: string;
  readonly list: 'limits' | 'requests';
  readonly text: string;
  readonly quantity: Quantity;
}

/** One vendor's amounts of one container, read but not yet given meaning. Null: not written. */
export interface Amount {
  readonly count: number | null;
  readonly memory: MiB | null;
  readonly percentage: number | null;
  readonly cores: number | null;
  readonly priority: number | null;
}

/** Every name of a vendor's resources, ours first. */
export function resourceNamesOf({ resources }: Vendor): readonly string[] {
  return [
    resources.count,
    ...resources.memory,
    ...resources.memoryPercentage,
    ...resources.cores,
    resources.priority,
  ];
}

/** Nearly all containers of a cluster name no vendor's resource: these share one answer. */
const NO_SLICES = ok<readonly SliceRequest[]>([]);

export function readSlices(
  place: ContainerPlace,
  vendors: readonly Vendor[],
): Result<readonly SliceRequest[], BadField> {
  const { limits, requests } = place.container.resources ?? {};
  const named = vendors.filter((vendor) => isNamedIn(limits, vendor) || isNamedIn(requests, vendor));
  if (named.length === 0) return NO_SLICES;
  const slices: SliceRequest[] = [];
  for (const vendor of named) {
    const amount = readAmount(place, vendor);
    if (!amount.ok) return amount;
    if (amount.value === null) continue;
    const slice = sliceOf(place, vendor, amount.value);
    if (!slice.ok) return slice;
    if (slice.value !== null) slices.push(slice.value);
  }
  return ok(slices);
}

const names = new WeakMap<Vendor, ReadonlySet<string>>();

function isNamedIn(amounts: Amounts | undefined, vendor: Vendor): boolean {
  let own = names.get(vendor);
  if (own === undefined) {
    own = new Set(resourceNamesOf(vendor));
    names.set(vendor, own);
  }
  for (const name in amounts) if (own.has(name)) return true;
  return false;
}

const LARGEST_COUNT = 1024;

/** Null where the container names none of the vendor's resources. */
export function readAmount(place: ContainerPlace, vendor: Vendor): Result<Amount | null, BadField> {
  const { resources } = vendor;
  const count = readNumber(place, [resources.count], {
    most: LARGEST_COUNT,
    what: 'a whole number of devices',
  });
  if (!count.ok) return count;
  const memory = readMemory(place, vendor);
  if (!memory.ok) return memory;
  const percentage = readNumber(place, resources.memoryPercentage, { most: 100, what: 'a whole percentage' });
  if (!percentage.ok) return percentage;
  const cores = readNumber(place, resources.cores, { most: 100, what: 'a whole percentage of one device' });
  if (!cores.ok) return cores;
  const priority = readNumber(place, [resources.priority], { most: 1, what: 'high or low' });
  if (!priority.ok) return priority;
  const amount = {
    count: count.value,
    memory: memory.value,
    percentage: percentage.value,
    cores: cores.value,
    priority: priority.value,
  };
  return ok(Object.values(amount).every((value) => value === null) ? null : amount);
}

interface Bounds {
  readonly most: number;
  readonly what: string;
}

function readNumber(
  place: ContainerPlace,
  names: readonly string[],
  { most, what }: Bounds,
): Result<number | null, BadField> {
  const written = agreed(place, names);
  if (!written.ok || written.value === null) return written as Result<null, BadField>;
  const { text, quantity } = written.value;
  const value = wholeOf(quantity);
  if (value !== null && value >= 0 && value <= most) return ok(value);
  return err({ field: fieldOf(place, written.value), value: text, want: `want ${what}, 0 to ${most}` });
}

const FLAWS: Readonly<Record<MemoryFlaw, string>> = {
  negative: 'want memory per device, not less than nothing: MiB such as 3000, or a quantity such as 16Gi',
  fraction: 'want whole MiB such as 1536, or a quantity of whole bytes such as 1536Mi',
  huge: 'want less than 1Ti of memory per device: MiB such as 3000, or a quantity such as 16Gi',
};

function readMemory(place: ContainerPlace, vendor: Vendor): Result<MiB | null, BadField> {
  const written = agreed(place, vendor.resources.memory);
  if (!written.ok || written.value === null) return written as Result<null, BadField>;
  const { text, quantity } = written.value;
  const memory = memoryMiB(quantity, vendor.memoryUnitMiB);
  if (memory.ok) return ok(memory.value);
  return err({ field: fieldOf(place, written.value), value: text, want: FLAWS[memory.error] });
}

/** The one amount written under any of several names of one meaning; names that disagree are an error. */
function agreed(place: ContainerPlace, names: readonly string[]): Result<Written | null, BadField> {
  let first: Written | null = null;
  for (const name of names) {
    const written = writtenAs(place, name);
    if (!written.ok) return written;
    if (written.value === null) continue;
    if (first !== null && compareQuantities(first.quantity, written.value.quantity) !== 0)
      return err({
        field: fieldOf(place, written.value),
        value: written.value.text,
        want: `it means the same as ${first.name}, which is ${JSON.stringify(first.text)}; write only one of them`,
      });
    first ??= written.value;
  }
  return ok(first);
}

/** The limit, else the request: Kubernetes wants them equal for such resources. */
function writtenAs(place: ContainerPlace, name: string): Result<Written | null, BadField> {
  const { limits, requests } = place.container.resources ?? {};
  const list = limits?.[name] === undefined ? 'requests' : 'limits';
  const value = limits?.[name] ?? requests?.[name];
  if (value === undefined) return NOT_WRITTEN;
  const text = String(value);
  const quantity = parseQuantity(text);
  if (quantity !== null) return ok({ name, list, text, quantity });
  const want = 'want a number such as 1, or a quantity such as 16Gi';
  return err({ field: fieldOf(place, { list, name }), value: text, want });
}

const NOT_WRITTEN = ok(null);

/** `spec.containers[0].resources.limits["…"]` */
const fieldOf = ({ path }: ContainerPlace, { list, name }: Pick<Written, 'list' | 'name'>): string =>
  `${path}.resources.${list}[${JSON.stringify(name)}]`;

/** Gives the amounts their meaning; null where the container names devices but asks for none (`count: 0`). */
function sliceOf(
  place: ContainerPlace,
  vendor: Vendor,
  amount: Amount,
): Result<SliceRequest | null, BadField> {
  const asksPart = asksForPart(amount);
  const count = amount.count ?? (asksPart ? 1 : 0);
  if (count === 0 && !asksPart && amount.count !== null) return ok(null);
  if (count === 0) {
    const field = `${place.path}.resources.limits[${JSON.stringify(vendor.resources.count)}]`;
    const want = 'want at least 1 where a part of a device or a priority is named';
    return err({ field, value: amount.count === null ? 'absent' : '0', want });
  }
  const memory = memoryOf(amount);
  const cores = coresOf(amount, memory);
  const isExclusive = memory.kind === 'whole' || cores >= WHOLE_DEVICE;
  return ok({
    vendor: vendor.name,
    count,
    memory,
    cores,
    isExclusive,
    priority: amount.priority === 0 ? 'high' : 'low',
  });
}

/** True when memory, a percentage or cores above nothing are asked. */
export function asksForPart({ memory, percentage, cores }: Amount): boolean {
  return [memory, percentage, cores].some((value) => value !== null && value > 0);
}

/** Fixed memory wins over a percentage; nothing, zero or 100 percent is the whole device. */
function memoryOf({ memory, percentage }: Amount): MemoryWish {
  if (memory !== null && memory > 0) return { kind: 'fixed', memory };
  if (percentage === null || percentage === 0 || percentage === 100) return { kind: 'whole' };
  return { kind: 'share', permille: percentage * 10 };
}

/** A whole device comes with all its compute unless less is written. */
function coresOf({ cores }: Amount, memory: MemoryWish): MilliCores {
  if (cores !== null && cores > 0) return milliCores(cores * 10);
  return memory.kind === 'whole' ? WHOLE_DEVICE : milliCores(0);
}
