// SPDX-License-Identifier: Apache-2.0
// Device time by where it went, as counters since the monitor's start (the book on disk goes on over restarts).
import { NO_TIME, type UsageBucket } from '../core/usage-ledger.js';
import type { Family, Metric } from './metrics.js';

export interface DeviceTotal {
  readonly model: string;
  readonly used: number;
  readonly unattributed: number;
  readonly idle: number;
}

/** Seconds by device id. */
export type DeviceTotals = ReadonlyMap<string, DeviceTotal>;

export const NO_TOTALS: DeviceTotals = new Map();

export const LEDGER_METRICS: readonly Metric[] = [
  {
    name: 'kerf_device_time_seconds_total',
    kind: 'counter',
    unit: 'seconds',
    help: 'Time of the device since the monitor started, by where it went: used by slices, unattributed, idle.',
    labels: ['node', 'device', 'model', 'state'],
  },
];

const STATES = ['used', 'unattributed', 'idle'] as const;
const NOTHING = { used: 0, unattributed: 0, idle: 0 };

/** What the bucket grew by. */
export function addTotals(totals: DeviceTotals, before: UsageBucket, after: UsageBucket): DeviceTotals {
  const next = new Map(totals);
  for (const device of after.devices) {
    const was = before.devices.find(({ deviceId }) => deviceId === device.deviceId) ?? NO_TIME;
    const sum = totals.get(device.deviceId) ?? NOTHING;
    next.set(device.deviceId, {
      model: device.model,
      used: sum.used + device.usedSeconds - was.usedSeconds,
      unattributed: sum.unattributed + device.unattributedSeconds - was.unattributedSeconds,
      idle: sum.idle + device.idleSeconds - was.idleSeconds,
    });
  }
  return next;
}

export function ledgerFamilies(node: string, totals: DeviceTotals): readonly Family[] {
  const samples = [...totals].flatMap(([device, total]) =>
    STATES.map((state) => ({ labels: { node, device, model: total.model, state }, value: total[state] })),
  );
  return LEDGER_METRICS.map((metric) => ({ metric, samples }));
}
