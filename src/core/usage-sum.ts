// SPDX-License-Identifier: Apache-2.0
// The books of many nodes added up: by whom, over which time, at what price.
import { matchesPattern } from './pattern.js';
import type { Prices } from './policy-document.js';
import type { DeviceTime, SliceTime, UsageBucket } from './usage-ledger.js';

export interface Book {
  readonly node: string;
  readonly buckets: readonly UsageBucket[];
}

export const USAGE_KEYS = ['namespace', 'workload', 'pod', 'node', 'device', 'model'] as const;
export type UsageKey = (typeof USAGE_KEYS)[number];

export interface UsageSum {
  readonly key: string;
  readonly grantedGpuSeconds: number;
  readonly usedGpuSeconds: number;
  readonly grantedGiBSeconds: number;
  readonly usedGiBSeconds: number;
  /** Granted GPU time at the model's price; null: a part of it has no price. */
  readonly cost: number | null;
}

export interface DeviceSum {
  readonly devices: number;
  readonly physicalSeconds: number;
  readonly usedSeconds: number;
  readonly unattributedSeconds: number;
  readonly idleSeconds: number;
}

export interface UsageReport {
  /** The first bucket's beginning; null: there is none. */
  readonly fromMs: number | null;
  /** The most granted first. */
  readonly rows: readonly UsageSum[];
  readonly total: DeviceSum;
}

interface Entry {
  readonly node: string;
  readonly slice: SliceTime;
  readonly model: string;
}

const KEY_OF: Readonly<Record<UsageKey, (entry: Entry) => string>> = {
  namespace: ({ slice }) => slice.namespace,
  workload: ({ slice }) => `${slice.namespace}/${slice.workload || `Pod/${slice.pod}`}`,
  pod: ({ slice }) => `${slice.namespace}/${slice.pod}`,
  node: ({ node }) => node,
  device: ({ slice }) => slice.deviceId,
  model: ({ model }) => model,
};

export function sumUsage(books: readonly Book[], by: UsageKey, prices?: Prices): UsageReport {
  const sums = new Map<string, UsageSum>();
  for (const entry of entriesOf(books)) {
    const key = KEY_OF[by](entry);
    sums.set(key, added(sums.get(key) ?? nothing(key), entry, prices));
  }
  const buckets = books.flatMap((book) => book.buckets);
  return {
    fromMs: buckets.length === 0 ? null : Math.min(...buckets.map(({ fromMs }) => fromMs)),
    rows: [...sums.values()].toSorted(
      (a, b) => b.grantedGpuSeconds - a.grantedGpuSeconds || (a.key < b.key ? -1 : 1),
    ),
    total: deviceSum(buckets.flatMap(({ devices }) => devices)),
  };
}

function* entriesOf(books: readonly Book[]): Generator<Entry> {
  for (const { node, buckets } of books)
    for (const { slices, devices } of buckets) {
      const models = new Map(devices.map(({ deviceId, model }) => [deviceId, model]));
      for (const slice of slices) yield { node, slice, model: models.get(slice.deviceId) ?? 'unknown' };
    }
}

const nothing = (key: string): UsageSum => ({
  ...{ key, cost: 0, grantedGpuSeconds: 0, usedGpuSeconds: 0, grantedGiBSeconds: 0, usedGiBSeconds: 0 },
});

function added(sum: UsageSum, { slice, model }: Entry, prices: Prices | undefined): UsageSum {
  const price = priceOf(model, prices);
  return {
    key: sum.key,
    grantedGpuSeconds: sum.grantedGpuSeconds + slice.grantedGpuSeconds,
    usedGpuSeconds: sum.usedGpuSeconds + slice.usedGpuSeconds,
    grantedGiBSeconds: sum.grantedGiBSeconds + slice.grantedGiBSeconds,
    usedGiBSeconds: sum.usedGiBSeconds + slice.usedGiBSeconds,
    cost: sum.cost === null || price === null ? null : sum.cost + (slice.grantedGpuSeconds / 3600) * price,
  };
}

/** Of an hour of the whole device; null: nobody said. */
export function priceOf(model: string, prices: Prices | undefined): number | null {
  return prices?.models.find((row) => matchesPattern(row.model, model))?.perGpuHour ?? null;
}

function deviceSum(devices: readonly DeviceTime[]): DeviceSum {
  const sum = (of: (device: DeviceTime) => number): number =>
    devices.reduce((all, each) => all + of(each), 0);
  return {
    devices: new Set(devices.map(({ deviceId }) => deviceId)).size,
    physicalSeconds: sum(({ physicalSeconds }) => physicalSeconds),
    usedSeconds: sum(({ usedSeconds }) => usedSeconds),
    unattributedSeconds: sum(({ unattributedSeconds }) => unattributedSeconds),
    idleSeconds: sum(({ idleSeconds }) => idleSeconds),
  };
}
