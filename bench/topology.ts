// SPDX-License-Identifier: Apache-2.0
// How long it takes to choose the best connected devices of a node, through place, nothing remembered between samples.
import { type DeviceState, type NodeView, UNTOLD } from '../src/core/node.js';
import { place } from '../src/core/place.js';
import { DEFAULT_RULES } from '../src/core/policies.js';
import { ANY_DEVICE, type DevicePolicy, type PodRequest } from '../src/core/request.js';
import type { LinkMatrix } from '../src/core/topology.js';
import { mib, milliCores } from '../src/core/units.js';
import { NOTHING_HELD, viewOf } from '../src/core/view.js';
import type { Row } from './report.js';
import { LAYOUTS } from './topology/layouts.js';
import { quantile } from './walk/statistics.js';

export const about = 'the best connected devices of a node: 16 choose 8 and others';

const VENDOR = 'v';
const SAMPLES = 200;
const WARM_UP = 20;
const BAR_MS = 1;
/** Where slices lie already (see nodeOf). */
const USED = [0, 1, 0b1000_0001, 0b101, 0b1110_0000_0001, 0b1010_1010_1010_1010];
const POLICIES: readonly DevicePolicy[] = [['topology'], ['numa', 'topology', 'binpack']];

/** The question is the same in each sample: what differs is what else this machine does, so the median counts. */
export function run(): Promise<readonly Row[]> {
  const rows = LAYOUTS.flatMap(({ name, size, weightOf }) =>
    POLICIES.map((policy) => {
      const matrix = matrixOf(size, weightOf);
      const views = USED.map((used) => nodeOf(matrix, used));
      const medians = views.map((view) => quantile(samplesOf(view, requestOf(size / 2, policy)), 0.5));
      return rowOf(`${name}, ${size} choose ${size / 2}, ${policy.join()}`, Math.max(...medians));
    }),
  );
  return Promise.resolve(rows);
}

const rowOf = (metric: string, value: number): Row => ({
  ...{ bench: 'topology', metric: `${metric}: the slowest of ${USED.length} states`, value, unit: 'ms' },
  ...{ bar: `< ${BAR_MS}`, holds: value < BAR_MS },
});

const matrixOf = (size: number, weightOf: (a: number, b: number) => number): LinkMatrix => ({
  size,
  weight: Array.from({ length: size * size }, (_, at) => {
    const [a, b] = [Math.floor(at / size), at % size];
    return a === b ? 0 : weightOf(Math.min(a, b), Math.max(a, b));
  }),
});

/** Bit i of `used`: a small slice lies on device i. */
function nodeOf(matrix: LinkMatrix, used: number): NodeView {
  const devices = Array.from({ length: matrix.size }, (_, index) => ({
    ...{ id: `d${index}`, vendor: VENDOR, index, model: 'm', splits: 10 },
    ...{ memory: mib(81_920), cores: milliCores(1000), numa: index * 2 < matrix.size ? 0 : 1 },
    ...{ isHealthy: true, reason: '' },
  }));
  const facts = { name: 'n', devices, unreadable: new Map(), slots: new Map([[VENDOR, 160]]) };
  const links = new Map([[VENDOR, matrix]]);
  const view = viewOf({ ...facts, cordoned: new Set(), ...UNTOLD, links }, NOTHING_HELD, {
    revision: 1,
    ordinal: 0,
  });
  const vendor = view.vendors.get(VENDOR);
  if (vendor === undefined) throw new Error('bug: the node has no devices');
  const held = vendor.devices.map((state, at) => (used & (1 << at) ? withSlice(state) : state));
  return { ...view, vendors: new Map([[VENDOR, { ...vendor, devices: held }]]) };
}

const withSlice = (state: DeviceState): DeviceState => ({
  ...state,
  hold: { ...state.hold, memory: mib(1024), slices: 1 },
});

const requestOf = (count: number, devicePolicy: DevicePolicy): PodRequest => ({
  containers: [
    {
      ...{ name: 'main', kind: 'app' },
      slices: [
        {
          ...{ vendor: VENDOR, count, cores: milliCores(0), isExclusive: false, priority: 'low' },
          memory: { kind: 'fixed', memory: mib(4096) },
        },
      ],
    },
  ],
  ...{ choice: ANY_DEVICE, nodePolicy: null, devicePolicy, numa: null, cpuMilli: 0 },
});

/** Milliseconds per place. */
function samplesOf(view: NodeView, request: PodRequest): readonly number[] {
  const times: number[] = [];
  for (let sample = 0; sample < WARM_UP + SAMPLES; sample++) {
    const start = performance.now();
    const placed = place(request, view, DEFAULT_RULES);
    const elapsed = performance.now() - start;
    if (!placed.ok) throw new Error(`bug: ${placed.error.kind}`);
    if (sample >= WARM_UP) times.push(elapsed);
  }
  return times;
}
