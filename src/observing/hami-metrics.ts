// SPDX-License-Identifier: Apache-2.0
// Our figures under HAMi's names, labels and scales, for dashboards and alerts that ask for those (--hami-metrics).
// What HAMi calls a ratio is 0 to 100 in most places: the scale is part of the name's meaning and kept.
import type { Holding } from '../core/holding.js';
import type { DeviceState, NodeView } from '../core/node.js';
import { BYTES_PER_MIB } from '../core/units.js';
import type { Family, Labels, Metric, Sample } from './metrics.js';
import type { DeviceUsage, NodeUsage, SliceUsage } from './usage.js';

/** HAMi puts it on every metric. */
const ZONE = { zone: 'vGPU' };

const HOST = ['node', 'device_index', 'device_uuid', 'device_type'] as const;
const SLICE = ['namespace', 'pod', 'container', 'vdevice_index', 'device_uuid'] as const;
const GIVEN = ['namespace', 'node', 'pod', 'container_index', 'device_uuid'] as const;

interface Row<Subject> extends Metric {
  /** null: there is nothing to say of this one. */
  readonly tell: (subject: Subject) => number | null;
  readonly more?: (subject: Subject) => Labels;
}

const gauge = <Subject>(
  [name, unit]: readonly [string, Metric['unit']],
  labels: readonly string[],
  rest: Pick<Row<Subject>, 'help' | 'tell' | 'more'>,
): Row<Subject> => ({ name, kind: 'gauge', unit, labels: [...labels, 'zone'], ...rest });

const HOST_ROWS: readonly Row<DeviceUsage>[] = [
  gauge(['hami_host_gpu_memory_used_bytes', 'bytes'], HOST, {
    help: 'Memory in use on the device, by anybody.',
    tell: ({ usedBytes }) => usedBytes,
  }),
  gauge(['hami_host_gpu_utilization_ratio', 'ratio'], HOST, {
    help: 'Share of the last sample in which something ran, 0 to 100.',
    tell: ({ busyPercent }) => busyPercent,
  }),
];

const SLICE_ROWS: readonly Row<SliceUsage>[] = [
  gauge(['hami_vgpu_memory_used_bytes', 'bytes'], SLICE, {
    help: 'Memory the container uses of its slice.',
    tell: ({ used }) => used?.usedBytes ?? null,
  }),
  gauge(['hami_vgpu_memory_limit_bytes', 'bytes'], SLICE, {
    help: 'Memory the slice may use.',
    tell: ({ memory }) => memory * BYTES_PER_MIB,
  }),
  gauge(['hami_container_device_memory_bytes', 'bytes'], SLICE, {
    help: 'Memory the container uses of its slice.',
    tell: ({ used }) => used?.usedBytes ?? null,
  }),
];

/** A device as the scheduler sees it, and where. */
interface Placed extends DeviceState {
  readonly node: string;
}

const percent = (permille: number): number => permille / 10;
const usedCores = ({ hold }: Placed): Labels => ({ device_cores: String(percent(hold.cores)) });

const DEVICE_ROWS: readonly Row<Placed>[] = [
  gauge(['hami_gpu_memory_limit_bytes', 'bytes'], HOST, {
    help: 'Memory of the device that may be given out.',
    tell: ({ device }) => device.memory * BYTES_PER_MIB,
  }),
  gauge(['hami_gpu_core_limit_ratio', 'ratio'], HOST, {
    help: 'Compute of the device that may be given out, in percent of a device.',
    tell: ({ device }) => percent(device.cores),
  }),
  gauge(['hami_gpu_shared_count', 'count'], HOST, {
    help: 'Slices on the device.',
    tell: ({ hold }) => hold.slices,
  }),
  gauge(['hami_gpu_core_allocated_ratio', 'ratio'], HOST, {
    help: 'Compute of the device that is given out, in percent of a device.',
    tell: ({ hold }) => percent(hold.cores),
  }),
  gauge(['hami_gpu_memory_allocated_bytes', 'bytes'], [...HOST, 'device_cores'], {
    help: 'Memory of the device that is given out.',
    tell: ({ hold }) => hold.memory * BYTES_PER_MIB,
    more: usedCores,
  }),
  gauge(['hami_node_gpu_overview', 'bytes'], [...HOST, 'device_cores', 'device_memory_limit'], {
    help: 'Memory of the device that is given out.',
    tell: ({ hold }) => hold.memory * BYTES_PER_MIB,
    more: (placed) => ({ ...usedCores(placed), device_memory_limit: String(placed.device.memory) }),
  }),
  gauge(['hami_node_gpu_memory_allocated_ratio', 'ratio'], HOST, {
    help: 'Share of the memory that is given out, 0 to 1.',
    tell: ({ device, hold }) => (device.memory === 0 ? null : hold.memory / device.memory),
  }),
];

interface Given {
  readonly memory: number;
  readonly cores: number;
}

const GIVEN_ROWS: readonly Row<Given>[] = [
  gauge(['hami_vgpu_memory_allocated_bytes', 'bytes'], GIVEN, {
    help: 'Memory given to a container.',
    tell: ({ memory }) => memory * BYTES_PER_MIB,
  }),
  gauge(['hami_vgpu_core_allocated_ratio', 'ratio'], GIVEN, {
    help: 'Compute given to a container, in percent of a device.',
    tell: ({ cores }) => percent(cores),
  }),
];

export const HAMI_METRICS: readonly Metric[] = [...HOST_ROWS, ...SLICE_ROWS, ...DEVICE_ROWS, ...GIVEN_ROWS];

/** Of one node, as its monitor tells them. */
export function hamiUsage({ node, devices, slices }: NodeUsage): readonly Family[] {
  const hosts = devices.map((device) => ({ subject: device, labels: hostLabels(node, device) }));
  const own = slices.map((slice) => ({ subject: slice, labels: sliceLabels(slice, slices) }));
  return [...HOST_ROWS.map((row) => familyOf(row, hosts)), ...SLICE_ROWS.map((row) => familyOf(row, own))];
}

/** Of all nodes, as the scheduler tells them. */
export function hamiGranted(nodes: Iterable<NodeView>, holdings: Iterable<Holding>): readonly Family[] {
  const devices = [...nodes].flatMap(({ name, vendors }) =>
    [...vendors.values()].flatMap((vendor) => vendor.devices.map((state) => ({ ...state, node: name }))),
  );
  const placed = devices.map((subject) => ({ subject, labels: placedLabels(subject) }));
  const given = [...holdings].flatMap(givenOf);
  return [
    ...DEVICE_ROWS.map((row) => familyOf(row, placed)),
    ...GIVEN_ROWS.map((row) => familyOf(row, given)),
  ];
}

const hostLabels = (node: string, { id, index, model }: DeviceUsage): Labels => ({
  ...{ node, device_index: String(index), device_uuid: id, device_type: model },
});

const placedLabels = ({ node, device: { id, index, model } }: Placed): Labels => ({
  ...{ node, device_index: String(index), device_uuid: id, device_type: model },
});

function sliceLabels(slice: SliceUsage, all: readonly SliceUsage[]): Labels {
  const { namespace, name: pod } = slice.pod;
  const vdevice = all.filter(({ slot }) => slot === slice.slot).indexOf(slice);
  const { container, deviceId } = slice;
  return { namespace, pod, container, vdevice_index: String(vdevice), device_uuid: deviceId };
}

function givenOf({ node, pod: whole, claim }: Holding) {
  if (claim.kind !== 'placed') return [];
  const [namespace = '', pod = ''] = whole.split('/');
  return claim.placement.containers.flatMap(({ slices }, at) =>
    slices.map((slice) => ({
      subject: slice,
      labels: { namespace, node, pod, container_index: String(at), device_uuid: slice.deviceId },
    })),
  );
}

function familyOf<Subject>(
  row: Row<Subject>,
  subjects: readonly { readonly subject: Subject; readonly labels: Labels }[],
): Family {
  const { name, kind, unit, help, labels: names, tell, more } = row;
  const samples = subjects.flatMap(({ subject, labels }): Sample[] => {
    const value = tell(subject);
    return value === null ? [] : [{ labels: { ...labels, ...more?.(subject), ...ZONE }, value }];
  });
  return { metric: { name, kind, unit, help, labels: names }, samples };
}
