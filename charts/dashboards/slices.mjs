// SPDX-License-Identifier: Apache-2.0
// What pods were granted and what they use.
const OF = 'namespace=~"$namespace", pod=~"$pod"';
const NAME = '{{namespace}}/{{pod}} {{container}}';

export const slices = {
  title: 'Slices',
  choices: { namespace: 'kerf_slice_info', pod: 'kerf_slice_info{namespace=~"$namespace"}' },
  panels: [
    {
      type: 'table',
      title: 'Slices',
      unit: 'bytes',
      help: 'Which container has memory of which device.',
      ask: {
        granted: `kerf_slice_memory_granted_bytes{${OF}} * on (node, device, namespace, pod, container) group_left (model, index, enforcement) kerf_slice_info`,
      },
    },
    {
      type: 'timeseries',
      title: 'Memory used',
      unit: 'bytes',
      help: 'As the container counts it.',
      ask: { [NAME]: `kerf_slice_memory_used_bytes{${OF}}` },
    },
    {
      type: 'timeseries',
      title: 'Memory used of what is granted',
      unit: 'percentunit',
      help: 'More than 100 %: it grew beyond its grant.',
      ask: { [NAME]: `kerf_slice_memory_used_bytes{${OF}} / kerf_slice_memory_granted_bytes{${OF}}` },
    },
    {
      type: 'timeseries',
      title: 'Memory at most',
      unit: 'bytes',
      help: 'The most its processes used at once.',
      ask: { [NAME]: `kerf_slice_memory_peak_bytes{${OF}}` },
    },
    {
      type: 'timeseries',
      title: 'Memory by class',
      unit: 'bytes',
      help: 'What it was asked through.',
      ask: { '{{class}}': `sum by (class) (kerf_slice_memory_class_bytes{${OF}})` },
    },
    {
      type: 'timeseries',
      title: 'Memory refused',
      unit: 'cps',
      help: 'Allocations refused because of the limit.',
      ask: { [NAME]: `rate(kerf_slice_memory_refusals_total{${OF}}[$__rate_interval])` },
    },
    {
      type: 'timeseries',
      title: 'Bytes refused',
      unit: 'Bps',
      help: 'Bytes asked for in refused allocations.',
      ask: { [NAME]: `rate(kerf_slice_memory_refused_bytes_total{${OF}}[$__rate_interval])` },
    },
    {
      type: 'timeseries',
      title: 'Compute granted',
      unit: 'percentunit',
      help: '100 % is the whole device, 0 is best effort.',
      ask: { [NAME]: `kerf_slice_cores_granted_ratio{${OF}}` },
    },
    {
      type: 'timeseries',
      title: 'Compute used',
      unit: 'percentunit',
      help: 'Device time, as measured in the container.',
      ask: { [NAME]: `rate(kerf_slice_compute_used_seconds_total{${OF}}[$__rate_interval])` },
    },
    {
      type: 'timeseries',
      title: 'Device time handed out',
      unit: 'percentunit',
      help: 'What the limiter gave it.',
      ask: { [NAME]: `rate(kerf_slice_compute_granted_seconds_total{${OF}}[$__rate_interval])` },
    },
    {
      type: 'timeseries',
      title: 'Throttled',
      unit: 's',
      help: 'Seconds that its threads waited for their share, each second.',
      ask: { [NAME]: `rate(kerf_slice_compute_throttled_seconds_total{${OF}}[$__rate_interval])` },
    },
    {
      type: 'timeseries',
      title: 'Launches',
      unit: 'cps',
      help: 'Kernels and graphs, while compute is limited.',
      ask: { [NAME]: `rate(kerf_slice_launches_total{${OF}}[$__rate_interval])` },
    },
    {
      type: 'timeseries',
      title: 'Enforced and readable',
      unit: 'short',
      max: 1,
      help: 'enforced: 1 where the library holds the container. unreadable: 1 where its region cannot be read.',
      ask: {
        [`enforced ${NAME}`]: `kerf_slice_enforced{${OF}}`,
        [`unreadable ${NAME}`]: `kerf_slice_unreadable{${OF}}`,
      },
    },
    {
      type: 'timeseries',
      title: 'Drift',
      unit: 'bytes',
      help: 'What the driver counts for the slice beyond what its region admits.',
      ask: { [NAME]: `kerf_slice_drift_bytes{${OF}}` },
    },
    {
      type: 'timeseries',
      title: 'Names that Kerf does not know',
      unit: 'short',
      help: 'Asked of the driver by the container’s programs; what those functions take is not counted.',
      ask: { [NAME]: `kerf_slice_unknown_symbols_total{${OF}}` },
    },
  ],
};
