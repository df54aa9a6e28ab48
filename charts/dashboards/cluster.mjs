// SPDX-License-Identifier: Apache-2.0
// What the whole cluster has, gave out and uses; where to look first.
export const cluster = {
  title: 'Cluster',
  panels: [
    {
      type: 'stat',
      title: 'Devices',
      unit: 'short',
      help: 'Devices that a monitor tells of.',
      ask: { devices: 'count(kerf_device_healthy{job="kerf-monitor"})' },
    },
    {
      type: 'stat',
      title: 'Unhealthy devices',
      unit: 'short',
      help: 'Nothing new is placed on them.',
      ask: { unhealthy: 'sum(1 - min by (node, device) ({__name__=~"kerf_device_healthy|kerf_plugin_device_healthy"}))' },
    },
    {
      type: 'stat',
      title: 'Slices',
      unit: 'short',
      help: 'Slices on all devices.',
      ask: { slices: 'sum(kerf_device_slices)' },
    },
    {
      type: 'stat',
      title: 'Programs that answer',
      unit: 'percentunit',
      max: 1,
      help: 'Monitors, device plugins and schedulers of all that Prometheus asks.',
      ask: { up: 'avg(up{job=~"kerf-.*"})' },
    },
    {
      type: 'timeseries',
      title: 'Memory: there, granted, used',
      unit: 'bytes',
      help: 'Granted beyond what is there: overcommit. Used beyond what is granted: elastic slices, or processes outside Kerf.',
      ask: {
        there: 'sum(kerf_device_memory_total_bytes)',
        granted: 'sum(kerf_device_memory_granted_bytes)',
        used: 'sum(kerf_device_memory_used_bytes)',
      },
    },
    {
      type: 'timeseries',
      title: 'Compute: there, granted, used (devices)',
      unit: 'short',
      help: 'Whole devices. Used is what limited slices measured in their containers.',
      ask: {
        there: 'count(kerf_device_cores_granted_ratio)',
        granted: 'sum(kerf_device_cores_granted_ratio)',
        used: 'sum(rate(kerf_slice_compute_used_seconds_total[$__rate_interval]))',
      },
    },
    {
      type: 'timeseries',
      title: 'Granted memory by node',
      unit: 'percentunit',
      help: 'Of what is there; more than 100 % is overcommit.',
      ask: {
        '{{node}}':
          'sum by (node) (kerf_device_memory_granted_bytes) / sum by (node) (kerf_device_memory_total_bytes)',
      },
    },
    {
      type: 'timeseries',
      title: 'Memory used by namespace',
      unit: 'bytes',
      help: 'As the containers count it.',
      ask: { '{{namespace}}': 'sum by (namespace) (kerf_slice_memory_used_bytes)' },
    },
    {
      type: 'timeseries',
      title: 'Enforcement of slices',
      unit: 'short',
      help: 'unenforced: no process of the container has loaded the library. pending: nothing runs in it.',
      ask: { '{{enforcement}}': 'sum by (enforcement) (kerf_slice_info)' },
    },
    {
      type: 'timeseries',
      title: 'Slices to look at',
      unit: 'short',
      help: 'A region that cannot be read, and more memory in use than granted.',
      ask: {
        unreadable: 'sum(kerf_slice_unreadable)',
        'over their grant': 'sum(kerf_slice_memory_used_bytes > bool kerf_slice_memory_granted_bytes)',
      },
    },
    {
      type: 'timeseries',
      title: 'Escapes, and what was done',
      unit: 'short',
      help: 'Findings of what gets past its slice, by reason; slots throttled and processes killed by policy.',
      ask: {
        '{{reason}}': 'sum by (reason) (kerf_escape_total)',
        '{{action}}': 'sum by (action) (kerf_escape_stopped_total) or vector(0)',
      },
    },
    {
      type: 'timeseries',
      title: 'Memory of processes outside Kerf',
      unit: 'bytes',
      help: 'Held by processes that nobody gave a slice; that much less is given out.',
      ask: {
        '{{node}} {{device}}':
          'kerf_device_memory_foreign_bytes or on (node, device) kerf_device_memory_used_bytes * 0',
      },
    },
    {
      type: 'table',
      title: 'Builds',
      unit: 'short',
      help: 'How many programs run of which build.',
      ask: { builds: 'count by (program, version, revision) (kerf_build_info)' },
    },
  ],
};
