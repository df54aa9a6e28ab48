// SPDX-License-Identifier: Apache-2.0
// Filter + prioritize in process, 100 nodes × 8 devices, a slice on every device; one sample is both verbs for
// one pod over all 100 names (kube-scheduler samples none of so few).
import { mib, milliCores } from '../../src/core/units.js';
import type { Device } from '../../src/core/device.js';
import { Ledger } from '../../src/core/ledger.js';
import { UNTOLD } from '../../src/core/node.js';
import { DEFAULT_RULES } from '../../src/core/policies.js';
import { ANY_DEVICE, type PodRequest } from '../../src/core/request.js';
import { ok } from '../../src/core/result.js';
import { filter } from '../../src/scheduling/filter.js';
import { prioritize } from '../../src/scheduling/prioritize.js';
import type { Row } from '../report.js';
import { quantile } from './statistics.js';

const NODES = 100;
const DEVICES = 8;
const SAMPLES = 5000;
const WARM_UP = 500;
const VENDOR = 'nvidia';

export function verbRows(): readonly Row[] {
  const fitting = samplesOf((sample) => 1000 + (sample % 36) * 1000);
  const pending = samplesOf(() => 39_000);
  return [
    row('filter + prioritize, 100 nodes × 8, p50', quantile(fitting, 0.5)),
    row('filter + prioritize, 100 nodes × 8, p99', quantile(fitting, 0.99)),
    row('filter, 100 nodes × 8, pod fits nowhere, p50', quantile(pending, 0.5)),
    row('filter, 100 nodes × 8, pod fits nowhere, p99', quantile(pending, 0.99)),
  ];
}

/** Milliseconds per pod. */
function samplesOf(memoryOf: (sample: number) => number): readonly number[] {
  const ledger = filledLedger();
  const names = Array.from({ length: NODES }, (_, index) => `node-${index}`);
  const scene = { snapshot: ledger, defaults: DEFAULT_RULES };
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES + WARM_UP; sample++) {
    const request = requestOf(memoryOf(sample));
    const start = performance.now();
    const { answer } = filter(ok(request), names, scene);
    prioritize(request, answer.nodeNames, scene);
    if (sample >= WARM_UP) samples.push(performance.now() - start);
  }
  return samples;
}

function filledLedger(): Ledger {
  const ledger = new Ledger();
  for (let index = 0; index < NODES; index++) {
    const name = `node-${index}`;
    const devices = Array.from({ length: DEVICES }, (_, at) => deviceOf(`${name}-${at}`, at));
    ledger.setNode({
      name,
      devices,
      unreadable: new Map(),
      slots: new Map([[VENDOR, DEVICES * 10]]),
      cordoned: new Set(),
      ...UNTOLD,
    });
    for (const device of devices) holdOn(ledger, name, device.id);
  }
  return ledger;
}

function holdOn(ledger: Ledger, node: string, deviceId: string): void {
  const slices = [{ deviceId, memory: mib(4096), cores: milliCores(200), isHigh: false, isAlone: false }];
  ledger.confirm({
    uid: `uid-${deviceId}`,
    pod: `bench/${deviceId}`,
    containers: [{ name: 'main', kind: 'app' }],
    slots: new Map([[VENDOR, 1]]),
    isInitOnly: false,
    cpuMilli: 0,
    node,
    claim: { kind: 'placed', placement: { containers: [{ name: 'main', slices }] } },
  });
}

function deviceOf(id: string, index: number): Device {
  const size = { memory: mib(40960), cores: milliCores(1000), splits: 10 };
  return { id, vendor: VENDOR, index, model: 'A100-40G', ...size, numa: 0, isHealthy: true, reason: '' };
}

function requestOf(memory: number): PodRequest {
  const slice = {
    count: 1,
    cores: milliCores(100),
    isExclusive: false,
    vendor: VENDOR,
    priority: 'low' as const,
  };
  const wish = { kind: 'fixed', memory: mib(memory) } as const;
  return {
    containers: [{ name: 'main', kind: 'app', slices: [{ ...slice, memory: wish }] }],
    choice: ANY_DEVICE,
    nodePolicy: null,
    devicePolicy: null,
    numa: null,
    cpuMilli: 0,
  };
}

function row(metric: string, value: number): Row {
  return { bench: 'walk', metric, value, unit: 'ms', bar: '', holds: null };
}
