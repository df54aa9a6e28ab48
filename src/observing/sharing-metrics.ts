// SPDX-License-Identifier: Apache-2.0
// The table of what the arbiter tells (docs/metrics.md is held to it), and how its words become samples.
import { BYTES_PER_MIB, type MiB, type MilliCores, WHOLE_DEVICE } from '../core/units.js';
import type { SlotRecord } from '../wire/slots.js';
import type { Family, Metric, Sample } from './metrics.js';

const LABELS = ['node', 'device', 'namespace', 'pod', 'container'];

const CORES: Metric = {
  name: 'kerf_slice_cores_now_ratio',
  kind: 'gauge',
  unit: 'ratio',
  help: 'Compute the slice may use at this moment; what it borrows included.',
  labels: LABELS,
};

const MEMORY: Metric = {
  name: 'kerf_slice_memory_now_bytes',
  kind: 'gauge',
  unit: 'bytes',
  help: 'Where the slice’s memory ends at this moment, between its guaranteed part and its ceiling.',
  labels: LABELS,
};

export const SHARING_METRICS: readonly Metric[] = [CORES, MEMORY];

/** What a slice may use now. null: there is nothing to say. */
export interface SliceNow {
  readonly slot: SlotRecord;
  readonly deviceId: string;
  readonly cores: MilliCores | null;
  readonly memory: MiB | null;
}

export function sharingFamilies(node: string, slices: readonly SliceNow[]): readonly Family[] {
  const samplesOf = (valueOf: (slice: SliceNow) => number | null): readonly Sample[] =>
    slices.flatMap((slice) => {
      const value = valueOf(slice);
      return value === null ? [] : [{ labels: labelsOf(node, slice), value }];
    });
  return [
    { metric: CORES, samples: samplesOf(({ cores }) => (cores === null ? null : cores / WHOLE_DEVICE)) },
    { metric: MEMORY, samples: samplesOf(({ memory }) => (memory === null ? null : memory * BYTES_PER_MIB)) },
  ];
}

function labelsOf(node: string, { slot, deviceId }: SliceNow): Sample['labels'] {
  const { namespace, name } = slot.pod;
  return { node, device: deviceId, namespace, pod: name, container: slot.container };
}
