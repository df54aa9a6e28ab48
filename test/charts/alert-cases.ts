// SPDX-License-Identifier: Apache-2.0
// For each alert: series by which it fires, and series of a day on which it does not. Values as promtool writes them,
// one a minute: 0x160 is 0 for more than two and a half hours, 0+1x160 counts up.

export interface AlertCase {
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
}

const SLICE = 'node="n1",device="GPU-1",namespace="a",pod="p",container="main"';
const NODE = 'node="n1",instance="n1:9402",job="kerf-device-plugin"';

/** One series with the value that fires, and the one that does not. */
const one = (series: string, fires: string, quiet: string): AlertCase => ({
  fires: { [series]: `${fires}x160` },
  quiet: { [series]: `${quiet}x160` },
});

const counted = (series: string): AlertCase => one(series, '0+1', '7');

const share = (part: string, whole: string, most: number): AlertCase => ({
  fires: { [part]: `${most * 100 + 5}x160`, [whole]: '100x160' },
  quiet: { [part]: `${most * 100 - 5}x160`, [whole]: '100x160' },
});

/** All answers within the bucket that ends at `seconds`. */
const answers = (seconds: string): Readonly<Record<string, string>> => {
  const bucket = (le: string): string =>
    `kerf_scheduler_verb_duration_seconds_bucket{verb="filter",le="${le}"}`;
  return {
    [bucket('0.1')]: seconds === '0.1' ? '0+9x160' : '0x160',
    [bucket('5')]: '0+9x160',
    [bucket('+Inf')]: '0+9x160',
  };
};

const build = (program: string, version: string): string =>
  `kerf_build_info{program="${program}",version="${version}",revision="r"}`;

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  KerfMonitorDown: one('up{job="kerf-monitor",node="n1",instance="n1:9401"}', '0', '1'),
  KerfDevicePluginDown: one(`up{${NODE}}`, '0', '1'),
  KerfSchedulerDown: one('up{job="kerf-scheduler",instance="s1"}', '0', '1'),
  KerfSourceSilent: one('kerf_monitor_source_up{node="n1",source="driver"}', '0', '1'),
  KerfBuildsDiffer: {
    fires: { [build('monitor', '1')]: '1x160', [build('scheduler', '2')]: '1x160' },
    quiet: { [build('monitor', '1')]: '1x160', [build('scheduler', '1')]: '1x160' },
  },
  KerfDeviceUnhealthy: one('kerf_device_healthy{node="n1",device="GPU-1",model="m"}', '0', '1'),
  KerfDeviceXid: {
    fires: { 'kerf_device_xid_total{device="GPU-1",xid="48"}': '_x135 1x25' },
    quiet: { 'kerf_device_xid_total{device="GPU-1",xid="48"}': '3x160' },
  },
  KerfDeviceFull: share(
    'kerf_device_memory_used_bytes{node="n1",device="GPU-1",model="m"}',
    'kerf_device_memory_total_bytes{node="n1",device="GPU-1",model="m"}',
    0.98,
  ),
  KerfForeignMemory: one('kerf_device_memory_foreign_bytes{node="n1",device="GPU-1"}', '9e9', '0'),
  KerfEscape: {
    fires: { [`kerf_escape_total{${SLICE},reason="Drift"}`]: '_x135 1x25' },
    quiet: { [`kerf_escape_total{${SLICE},reason="Drift"}`]: '3x160' },
  },
  KerfSliceDrift: one(`kerf_slice_drift_bytes{${SLICE}}`, '9e9', '1e6'),
  KerfSliceOverLimit: share(
    `kerf_slice_memory_used_bytes{${SLICE}}`,
    `kerf_slice_memory_granted_bytes{${SLICE}}`,
    1,
  ),
  KerfSliceUnreadable: one(`kerf_slice_unreadable{${SLICE}}`, '1', '0'),
  KerfSliceUnenforced: {
    fires: { [`kerf_slice_info{${SLICE},enforcement="unenforced"}`]: '1x160' },
    quiet: { [`kerf_slice_info{${SLICE},enforcement="pending"}`]: '1x160' },
  },
  KerfSliceRefused: counted(`kerf_slice_memory_refusals_total{${SLICE}}`),
  KerfSliceThrottled: one(`kerf_slice_compute_throttled_seconds_total{${SLICE}}`, '0+40', '0+1'),
  KerfSliceUnknownSymbols: counted(`kerf_slice_unknown_symbols_total{${SLICE}}`),
  KerfContainersRefused: {
    fires: counted(`kerf_plugin_prestarts_total{${NODE},result="refused"}`).fires,
    quiet: { [`kerf_plugin_prestarts_total{${NODE},result="ok"}`]: '0+1x160' },
  },
  KerfPluginFaults: counted(`kerf_plugin_faults_total{${NODE},what="driver"}`),
  KerfWatchStale: one('kerf_scheduler_watch_age_seconds{watch="pods",instance="s1"}', '0+15', '60'),
  KerfVerbSlow: { fires: answers('5'), quiet: answers('0.1') },
  KerfVerbErrors: {
    fires: counted('kerf_scheduler_decisions_total{verb="bind",outcome="error"}').fires,
    quiet: { 'kerf_scheduler_decisions_total{verb="bind",outcome="ok"}': '0+1x160' },
  },
  KerfPolicyRefused: one('kerf_scheduler_policy_refused', '1', '0'),
  KerfPlacementsUnreadable: one('kerf_scheduler_ledger_pods{state="troubled"}', '1', '0'),
  KerfPlacementsExpired: counted('kerf_scheduler_assumptions_expired_total'),
};
