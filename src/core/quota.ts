// SPDX-License-Identifier: Apache-2.0
// A ResourceQuota counts what pods' specs asked at creation; what resizes added to that is counted here.
import type { Device } from './device.js';
import { memoryOn } from './cut.js';
import type { Placement } from './placement.js';
import type { PodRequest, SliceRequest } from './request.js';
import type { ResizeRefusal } from './resize-refusals.js';
import { BYTES_PER_MIB } from './units.js';

/** Amounts by resource name, in the units in which pods ask. */
export interface Quota {
  /** namespace/name, for people. */
  readonly name: string;
  readonly hard: ReadonlyMap<string, number>;
  readonly used: ReadonlyMap<string, number>;
}

/** What a pod has beyond its spec: by vendor and container once, however many devices, as its spec is counted. */
export interface Surplus {
  readonly vendor: string;
  readonly memoryMiB: number;
  readonly memoryPercent: number;
  readonly corePercent: number;
}

export function surplusOf(
  request: PodRequest,
  placement: Placement,
  deviceOf: (id: string) => Device | undefined,
): readonly Surplus[] {
  return request.containers.flatMap(({ name, slices }) => {
    const given = placement.containers.find((each) => each.name === name)?.slices ?? [];
    return slices.map((asked) => {
      const rows = given.flatMap((slice) => {
        const device = deviceOf(slice.deviceId);
        return device?.vendor === asked.vendor ? [beyond(asked, slice, device)] : [];
      });
      const most = (of: (row: Omit<Surplus, 'vendor'>) => number): number => Math.max(0, ...rows.map(of));
      return {
        vendor: asked.vendor,
        memoryMiB: most(({ memoryMiB }) => memoryMiB),
        memoryPercent: most(({ memoryPercent }) => memoryPercent),
        corePercent: most(({ corePercent }) => corePercent),
      };
    });
  });
}

function beyond(
  asked: SliceRequest,
  slice: { readonly memory: number; readonly cores: number },
  device: Device,
): Omit<Surplus, 'vendor'> {
  const memoryMiB = slice.memory - memoryOn(device, asked.memory);
  const memoryPercent = Math.ceil((memoryMiB * 100) / Math.max(1, memoryOn(device, { kind: 'whole' })));
  return { memoryMiB, memoryPercent, corePercent: (slice.cores - asked.cores) / 10 };
}

/** A vendor's resource names by what they count; `unitMiB` is what one of the memory resource stands for. */
export interface CountedNames {
  readonly vendor: string;
  readonly memory: readonly string[];
  readonly memoryPercentage: readonly string[];
  readonly cores: readonly string[];
  readonly unitMiB: number;
}

/** `mine`: of the pod after the resize; `others`: of all other pods of the namespace. What mine had before is not looked at. */
export function overQuota(
  quotas: readonly Quota[],
  { mine, others }: { readonly mine: readonly Surplus[]; readonly others: readonly Surplus[] },
  names: readonly CountedNames[],
): ResizeRefusal | null {
  for (const { vendor, memory, memoryPercentage, cores, unitMiB } of names) {
    const sum = (of: (row: Surplus) => number, rows: readonly Surplus[]): number =>
      rows.filter((row) => row.vendor === vendor).reduce((all, row) => all + of(row), 0);
    const kinds: readonly (readonly [readonly string[], (row: Surplus) => number])[] = [
      [memory, (row) => Math.ceil(row.memoryMiB / unitMiB)],
      [memoryPercentage, (row) => row.memoryPercent],
      [cores, (row) => row.corePercent],
    ];
    for (const [resources, of] of kinds) {
      const own = sum(of, mine);
      const refusal = own === 0 ? null : passed(quotas, resources, own + sum(of, others));
      if (refusal !== null) return refusal;
    }
  }
  return null;
}

function passed(quotas: readonly Quota[], resources: readonly string[], added: number): ResizeRefusal | null {
  for (const { name: quota, hard, used } of quotas)
    for (const resource of resources) {
      const most = hard.get(resource);
      if (most === undefined) continue;
      // As in pods: from 2^20 on an amount of memory is bytes.
      const want = (used.get(resource) ?? 0) + (most >= BYTES_PER_MIB ? added * BYTES_PER_MIB : added);
      if (want > most)
        return { kind: 'QuotaShort', quota, resource: `requests.${resource}`, hard: most, want };
    }
  return null;
}
