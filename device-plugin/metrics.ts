// SPDX-License-Identifier: Apache-2.0
// What the plugin counts about itself, and whether it offers its devices; their use is the monitor's to tell.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { ownRegistry } from '../src/adapters/exposition/own-registry.js';
import type { NodeDevice } from './node-device.js';
import type { SlotRow } from './slot-rows.js';

export type PluginMetrics = ReturnType<typeof createMetrics>;

const NAMES = {
  allocations: ['kerf_plugin_allocations_total', 'Slots given to the kubelet.'],
  registrations: ['kerf_plugin_registrations_total', 'Times the kubelet took our registration.'],
  inventoryWrites: ['kerf_plugin_inventory_writes_total', 'Writes of the node annotation.'],
  changedPlacements: [
    'kerf_plugin_changed_placements_total',
    'Placements that were changed after they were honoured, and not obeyed.',
  ],
} as const;

export interface MetricSources {
  slots(): readonly SlotRow[];
  devices(): readonly NodeDevice[];
}

// Told as 0 from the start: the first of a kind is seen to be counted.
const RESULTS = ['ok', 'refused', 'fault'];
const WHATS = ['driver', 'watch of pods', 'inventory annotation'];
const STATES = ['unbound', 'pending', 'enforced', 'unenforced'];

/** A registry of its own: two plugins in one test do not share counters. */
export function createMetrics(sources: MetricSources) {
  const registry = ownRegistry('device-plugin');
  const counter = ([name, help]: readonly [string, string]) =>
    new Counter({ name, help, registers: [registry] });
  const preStarts = new Counter({
    name: 'kerf_plugin_prestarts_total',
    help: 'PreStartContainer calls by their answer.',
    labelNames: ['result'] as const,
    registers: [registry],
  });
  const faults = new Counter({
    name: 'kerf_plugin_faults_total',
    help: 'Times something around the plugin did not answer, by what.',
    labelNames: ['what'] as const,
    registers: [registry],
  });
  for (const result of RESULTS) preStarts.inc({ result }, 0);
  for (const what of WHATS) faults.inc({ what }, 0);
  return {
    registry,
    preStarts,
    preStartSeconds: preStartSeconds(registry),
    faults,
    slots: slotGauge(registry, sources),
    ...deviceMetrics(registry, sources),
    allocations: counter(NAMES.allocations),
    registrations: counter(NAMES.registrations),
    inventoryWrites: counter(NAMES.inventoryWrites),
    changedPlacements: counter(NAMES.changedPlacements),
  };
}

function slotGauge(registry: Registry, sources: MetricSources) {
  return new Gauge({
    name: 'kerf_plugin_slots',
    help: 'Slots by what is known of their container.',
    labelNames: ['state'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const state of STATES) this.set({ state }, 0);
      for (const { pod, enforcement } of sources.slots())
        this.inc({ state: pod === null ? 'unbound' : enforcement });
    },
  });
}

function deviceMetrics(registry: Registry, sources: MetricSources) {
  const healthy = new Gauge({
    name: 'kerf_plugin_device_healthy',
    help: '1 when the device is offered as healthy: the driver reads it, and no fault keeps it back.',
    labelNames: ['device', 'model'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, model, isHealthy } of sources.devices())
        this.set({ device: id, model }, isHealthy ? 1 : 0);
    },
  });
  const xids = new Counter({
    name: 'kerf_device_xid_total',
    help: 'Faults the device told of itself, by XID; 0 is a double-bit ECC error.',
    labelNames: ['device', 'xid'] as const,
    registers: [registry],
  });
  return { healthy, xids, resizes: resizesOf(registry) };
}

function resizesOf(registry: Registry) {
  return new Counter({
    name: 'kerf_plugin_resizes_total',
    help: 'Resizes by what became of them here: moved (records and pages say it), refused (no room yet).',
    labelNames: ['result'] as const,
    registers: [registry],
  });
}

function preStartSeconds(registry: Registry): Histogram {
  return new Histogram({
    name: 'kerf_plugin_prestart_seconds',
    help: 'Time a PreStartContainer call took; the kubelet gives it 30 s.',
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
}
