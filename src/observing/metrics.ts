// SPDX-License-Identifier: Apache-2.0
// The table of everything we export (docs/metrics.md is held to it), and how a reading becomes samples.
import { BYTES_PER_MIB, WHOLE_DEVICE } from '../core/units.js';
import { COMPUTE_ROWS } from './compute-metrics.js';
import { ENFORCEMENT_OFF } from '../wire/slots.js';
import { REGION_CLASSES } from '../wire/region-layout.js';
import type { DeviceUsage, NodeUsage, SliceUsage, Source } from './usage.js';

export type MetricKind = 'gauge' | 'counter';
export type Labels = Readonly<Record<string, string>>;

export interface Metric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: 'bytes' | 'ratio' | 'count' | 'bool' | 'seconds' | 'info';
  readonly help: string;
  readonly labels: readonly string[];
}

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Family {
  readonly metric: Metric;
  readonly samples: readonly Sample[];
}

/** null: there is nothing to say of this one, and no sample is better than a made-up 0. */
type Row<Subject> = Metric & { readonly valueOf: (subject: Subject) => number | null };

const DEVICE_LABELS = ['node', 'device', 'model'] as const;
const SLICE_LABELS = ['node', 'device', 'namespace', 'pod', 'container'] as const;

const ofDevice = (row: Omit<Row<DeviceUsage>, 'labels' | 'kind'>): Row<DeviceUsage> => ({
  ...row,
  kind: 'gauge',
  labels: DEVICE_LABELS,
});

const ofSlice = (row: Omit<Row<SliceUsage>, 'labels'>): Row<SliceUsage> => ({ ...row, labels: SLICE_LABELS });

/** Where nothing of ours runs in the container, there is no region to read. */
const isHeld = ({ enforcement }: SliceUsage): boolean => enforcement !== ENFORCEMENT_OFF;

const bool = (claim: boolean): number => (claim ? 1 : 0);

export const DEVICE_METRICS: readonly Row<DeviceUsage>[] = [
  ofDevice({
    name: 'kerf_device_memory_total_bytes',
    unit: 'bytes',
    help: 'Memory of the device, as its driver tells.',
    valueOf: (device) => device.memory * BYTES_PER_MIB,
  }),
  ofDevice({
    name: 'kerf_device_memory_used_bytes',
    unit: 'bytes',
    help: 'Memory in use on the device, by anybody, as its driver tells.',
    valueOf: (device) => device.usedBytes,
  }),
  ofDevice({
    name: 'kerf_device_busy_ratio',
    unit: 'ratio',
    help: 'Share of the driver’s last sample in which something ran on the device.',
    valueOf: ({ busyPercent }) => (busyPercent === null ? null : busyPercent / 100),
  }),
  ofDevice({
    name: 'kerf_device_memory_granted_bytes',
    unit: 'bytes',
    help: 'Memory held by the slices of the device: per pod the most over its life.',
    valueOf: (device) => device.grantedMemory * BYTES_PER_MIB,
  }),
  ofDevice({
    name: 'kerf_device_cores_granted_ratio',
    unit: 'ratio',
    help: 'Compute held by the slices of the device; 1 is the whole device.',
    valueOf: (device) => device.grantedCores / WHOLE_DEVICE,
  }),
  ofDevice({
    name: 'kerf_device_slices',
    unit: 'count',
    help: 'Slices on the device.',
    valueOf: (device) => device.slices,
  }),
  ofDevice({
    name: 'kerf_device_healthy',
    unit: 'bool',
    help: '1 when the device is healthy.',
    valueOf: (device) => bool(device.isHealthy),
  }),
];

export const SLICE_METRICS: readonly Row<SliceUsage>[] = [
  ofSlice({
    name: 'kerf_slice_memory_granted_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Memory the slice may use.',
    valueOf: (slice) => slice.memory * BYTES_PER_MIB,
  }),
  ofSlice({
    name: 'kerf_slice_memory_used_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Memory the container’s processes use of the slice, as they count it.',
    valueOf: (slice) => slice.used?.usedBytes ?? null,
  }),
  ofSlice({
    name: 'kerf_slice_memory_peak_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'The most they used at once.',
    valueOf: (slice) => slice.used?.peakBytes ?? null,
  }),
  ofSlice({
    name: 'kerf_slice_memory_refusals_total',
    kind: 'counter',
    unit: 'count',
    help: 'Allocations refused because of the limit.',
    valueOf: (slice) => slice.used?.refusals ?? null,
  }),
  ofSlice({
    name: 'kerf_slice_memory_refused_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Bytes asked for in refused allocations.',
    valueOf: (slice) => slice.used?.refusedBytes ?? null,
  }),
  ofSlice({
    name: 'kerf_slice_cores_granted_ratio',
    kind: 'gauge',
    unit: 'ratio',
    help: 'Compute of the slice; 1 is the whole device, 0 is best effort.',
    valueOf: (slice) => slice.cores / WHOLE_DEVICE,
  }),
  ...COMPUTE_ROWS.map(ofSlice),
  ofSlice({
    name: 'kerf_slice_enforced',
    kind: 'gauge',
    unit: 'bool',
    help: '1 when the library holds the container to its slice.',
    valueOf: (slice) => bool(slice.enforcement === 'enforced'),
  }),
  ofSlice({
    name: 'kerf_slice_unreadable',
    kind: 'gauge',
    unit: 'bool',
    help: '1 when the region of the slice cannot be read or claims what cannot be.',
    valueOf: (slice) => (isHeld(slice) ? bool(slice.used === null) : null),
  }),
];

/** Its rows have one label more. */
const CLASS_METRIC: Metric = {
  name: 'kerf_slice_memory_class_bytes',
  kind: 'gauge',
  unit: 'bytes',
  help: 'Memory of the slice by what it was asked through; classes that hold nothing are left out.',
  labels: [...SLICE_LABELS, 'class'],
};

/** Joins the rows of a slice with its device and slot; its value is always 1. */
const INFO_METRIC: Metric = {
  name: 'kerf_slice_info',
  kind: 'gauge',
  unit: 'info',
  help: 'Which slot of which device a container has; always 1, to be joined with the other rows of the slice.',
  labels: [...SLICE_LABELS, 'model', 'index', 'slot', 'uid', 'enforcement'],
};

function infoSample({ devices }: NodeUsage, slice: SliceUsage, labels: Labels): Sample {
  const device = devices.find(({ id }) => id === slice.deviceId);
  const known = { model: device?.model ?? '', index: device === undefined ? '' : String(device.index) };
  const { slot, pod, enforcement } = slice;
  return { labels: { ...labels, ...known, slot, uid: pod.uid, enforcement }, value: 1 };
}

function classSamples({ used }: SliceUsage, labels: Labels): readonly Sample[] {
  return REGION_CLASSES.map((name, at) => ({
    labels: { ...labels, class: name },
    value: used?.classBytes[at] ?? 0,
  })).filter(({ value }) => value > 0);
}

export const SOURCE_METRICS: readonly Row<Source>[] = [
  {
    name: 'kerf_monitor_source_up',
    kind: 'gauge',
    unit: 'bool',
    labels: ['node', 'source'],
    help: '1 when the driver, or the device plugin, answers the monitor.',
    valueOf: (source) => bool(source.problem === ''),
  },
];

export const METRICS: readonly Metric[] = [
  ...DEVICE_METRICS,
  ...SLICE_METRICS,
  CLASS_METRIC,
  INFO_METRIC,
  ...SOURCE_METRICS,
];

export function familiesOf(usage: NodeUsage): readonly Family[] {
  const devices = usage.devices.map((device) => ({ subject: device, labels: deviceLabels(usage, device) }));
  const slices = usage.slices.map((slice) => ({ subject: slice, labels: sliceLabels(usage, slice) }));
  const sources = usage.sources.map((source) => ({
    subject: source,
    labels: { node: usage.node, source: source.name },
  }));
  return [
    ...DEVICE_METRICS.map((row) => familyOf(row, devices)),
    ...SLICE_METRICS.map((row) => familyOf(row, slices)),
    { metric: CLASS_METRIC, samples: slices.flatMap(({ subject, labels }) => classSamples(subject, labels)) },
    { metric: INFO_METRIC, samples: slices.map(({ subject, labels }) => infoSample(usage, subject, labels)) },
    ...SOURCE_METRICS.map((row) => familyOf(row, sources)),
  ];
}

function familyOf<Subject>(
  row: Row<Subject>,
  subjects: readonly { readonly subject: Subject; readonly labels: Labels }[],
): Family {
  const samples = subjects.flatMap(({ subject, labels }) => {
    const value = row.valueOf(subject);
    return value === null ? [] : [{ labels, value }];
  });
  const { name, kind, unit, help, labels } = row;
  return { metric: { name, kind, unit, help, labels }, samples };
}

function deviceLabels(usage: NodeUsage, device: DeviceUsage): Labels {
  return { node: usage.node, device: device.id, model: device.model };
}

function sliceLabels(usage: NodeUsage, slice: SliceUsage): Labels {
  const { namespace, name } = slice.pod;
  return { node: usage.node, device: slice.deviceId, namespace, pod: name, container: slice.container };
}
