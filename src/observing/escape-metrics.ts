// SPDX-License-Identifier: Apache-2.0
// The table of what the reconciler tells (docs/metrics.md is held to it), and how its state becomes samples.
import type { Drift, EscapeReason } from './escape.js';
import type { Family, Metric } from './metrics.js';
import type { PodName, SlotRecord } from '../wire/slots.js';

const ESCAPES: Metric = {
  name: 'kerf_escape_total',
  kind: 'counter',
  unit: 'count',
  help: 'Findings of what gets past its slice, by reason; pod and container are empty where no pod of ours is concerned.',
  labels: ['node', 'namespace', 'pod', 'container', 'reason'],
};

const STOPPED: Metric = {
  name: 'kerf_escape_stopped_total',
  kind: 'counter',
  unit: 'count',
  help: 'What was done about them by policy: slots throttled, processes killed.',
  labels: ['node', 'namespace', 'action'],
};

const DRIFT: Metric = {
  name: 'kerf_slice_drift_bytes',
  kind: 'gauge',
  unit: 'bytes',
  help: 'What the driver counts for the slice beyond what its region admits.',
  labels: ['node', 'device', 'namespace', 'pod', 'container'],
};

const FOREIGN: Metric = {
  name: 'kerf_device_memory_foreign_bytes',
  kind: 'gauge',
  unit: 'bytes',
  help: 'Memory held by processes that nobody gave a slice of the device.',
  labels: ['node', 'device'],
};

export const ESCAPE_METRICS: readonly Metric[] = [ESCAPES, STOPPED, DRIFT, FOREIGN];

export interface EscapeCount {
  readonly pod: PodName | null;
  readonly container: string;
  readonly reason: EscapeReason;
  readonly count: number;
}

export interface StoppedCount {
  readonly namespace: string;
  readonly action: 'throttled' | 'killed';
  readonly count: number;
}

export interface EscapeState {
  readonly node: string;
  readonly escapes: readonly EscapeCount[];
  readonly stopped: readonly StoppedCount[];
  readonly slots: readonly SlotRecord[];
  readonly drifts: readonly Drift[];
  readonly foreign: ReadonlyMap<string, number>;
}

export function escapeFamilies({ node, ...state }: EscapeState): readonly Family[] {
  return [
    {
      metric: ESCAPES,
      samples: state.escapes.map(({ pod, container, reason, count }) => ({
        labels: { node, namespace: pod?.namespace ?? '', pod: pod?.name ?? '', container, reason },
        value: count,
      })),
    },
    {
      metric: STOPPED,
      samples: state.stopped.map(({ namespace, action, count }) => ({
        labels: { node, namespace, action },
        value: count,
      })),
    },
    { metric: DRIFT, samples: state.drifts.flatMap((drift) => driftSample(node, state.slots, drift)) },
    {
      metric: FOREIGN,
      samples: [...state.foreign].map(([device, value]) => ({ labels: { node, device }, value })),
    },
  ];
}

function driftSample(node: string, slots: readonly SlotRecord[], { slot, deviceId, bytes }: Drift) {
  const record = slots.find((each) => each.slot === slot);
  if (record === undefined) return [];
  const { pod, container } = record;
  const labels = { node, device: deviceId, namespace: pod.namespace, pod: pod.name, container };
  return [{ labels, value: bytes }];
}
