// SPDX-License-Identifier: Apache-2.0
// The devices of a node, and the two programs that serve it.
export const node = {
  title: 'Node',
  choices: { node: 'kerf_device_memory_total_bytes' },
  panels: [
    {
      type: 'table',
      title: 'Devices',
      unit: 'short',
      help: '1 is healthy.',
      ask: {
        healthy:
          'min by (node, device, model) ({__name__=~"kerf_device_healthy|kerf_plugin_device_healthy",node=~"$node"})',
      },
    },
    {
      type: 'timeseries',
      title: 'Faults told by devices',
      unit: 'short',
      help: 'By XID, since the device plugin started; 0 is a double-bit ECC error.',
      ask: { '{{node}} {{device}} XID {{xid}}': 'kerf_device_xid_total{node=~"$node"}' },
    },
    {
      type: 'timeseries',
      title: 'Memory in use by device',
      unit: 'bytes',
      help: 'By anybody, as the driver tells.',
      ask: { '{{node}} {{device}}': 'kerf_device_memory_used_bytes{node=~"$node"}' },
    },
    {
      type: 'timeseries',
      title: 'Memory granted by device',
      unit: 'percentunit',
      help: 'Of what the device has.',
      ask: {
        '{{node}} {{device}}':
          'kerf_device_memory_granted_bytes{node=~"$node"} / kerf_device_memory_total_bytes{node=~"$node"}',
      },
    },
    {
      type: 'timeseries',
      title: 'Compute granted by device',
      unit: 'percentunit',
      help: '100 % is the whole device.',
      ask: { '{{node}} {{device}}': 'kerf_device_cores_granted_ratio{node=~"$node"}' },
    },
    {
      type: 'timeseries',
      title: 'Busy by device',
      unit: 'percentunit',
      help: 'Share of the driver’s last sample in which something ran, by anybody.',
      ask: { '{{node}} {{device}}': 'kerf_device_busy_ratio{node=~"$node"}' },
    },
    {
      type: 'timeseries',
      title: 'Compute used by device',
      unit: 'percentunit',
      help: 'By limited slices, as measured in their containers.',
      ask: {
        '{{node}} {{device}}':
          'sum by (node, device) (rate(kerf_slice_compute_used_seconds_total{node=~"$node"}[$__rate_interval]))',
      },
    },
    {
      type: 'timeseries',
      title: 'Busy share of devices',
      unit: 'percentunit',
      help: 'Share of the driver’s last sample in which anything ran.',
      ask: { '{{node}} {{device}}': 'kerf_device_busy_ratio{node=~"$node"}' },
    },
    {
      type: 'timeseries',
      title: 'Where device time goes',
      unit: 'percentunit',
      help: 'Used by slices, unattributed, idle: together the whole time.',
      ask: {
        '{{node}} {{state}}':
          'sum by (node, state) (rate(kerf_device_time_seconds_total{node=~"$node"}[$__rate_interval])) / on (node) group_left sum by (node) (rate(kerf_device_time_seconds_total{node=~"$node"}[$__rate_interval]))',
      },
    },
    {
      type: 'timeseries',
      title: 'Memory in use that no slice counts',
      unit: 'bytes',
      help: 'Of the driver, of contexts, and of processes outside Kerf.',
      ask: {
        '{{node}} {{device}}':
          'clamp_min(sum by (node, device) (kerf_device_memory_used_bytes{node=~"$node"}) - (sum by (node, device) (kerf_slice_memory_used_bytes{node=~"$node"}) or sum by (node, device) (kerf_device_memory_used_bytes{node=~"$node"} * 0)), 0)',
      },
    },
    {
      type: 'timeseries',
      title: 'Slices by device',
      unit: 'short',
      help: 'How many share it.',
      ask: { '{{node}} {{device}}': 'kerf_device_slices{node=~"$node"}' },
    },
    {
      type: 'timeseries',
      title: 'Sources of the monitor',
      unit: 'short',
      max: 1,
      help: '1: the driver, and the device plugin, answer the monitor.',
      ask: { '{{node}} {{source}}': 'kerf_monitor_source_up{node=~"$node"}' },
    },
    {
      type: 'timeseries',
      title: 'Slots of the device plugins',
      unit: 'short',
      help: 'By what is known of their containers.',
      ask: { '{{state}}': 'sum by (state) (kerf_plugin_slots)' },
    },
    {
      type: 'timeseries',
      title: 'Starts of containers',
      unit: 'cps',
      help: 'PreStartContainer by answer: refused ones are tried again by the kubelet.',
      ask: { '{{result}}': 'sum by (result) (rate(kerf_plugin_prestarts_total[$__rate_interval]))' },
    },
    {
      type: 'timeseries',
      title: 'Time to start a container, 99 %',
      unit: 's',
      help: 'PreStartContainer; the kubelet gives it 30 s.',
      ask: {
        'p99': 'histogram_quantile(0.99, sum by (le) (rate(kerf_plugin_prestart_seconds_bucket[$__range])))',
      },
    },
    {
      type: 'timeseries',
      title: 'Faults around the device plugin',
      unit: 'cps',
      help: 'What did not answer it.',
      ask: { '{{what}}': 'sum by (what) (rate(kerf_plugin_faults_total[$__rate_interval]))' },
    },
    {
      type: 'timeseries',
      title: 'CPU of the node programs',
      unit: 'percentunit',
      help: 'Of one core.',
      ask: {
        '{{job}} {{instance}}':
          'rate(process_cpu_seconds_total{job=~"kerf-(monitor|device-plugin)"}[$__rate_interval])',
      },
    },
    {
      type: 'timeseries',
      title: 'Memory of the node programs',
      unit: 'bytes',
      help: 'Resident.',
      ask: { '{{job}} {{instance}}': 'process_resident_memory_bytes{job=~"kerf-(monitor|device-plugin)"}' },
    },
  ],
};
