// SPDX-License-Identifier: Apache-2.0
// What each policy does, as tables. Four devices of 40 GiB: 0 and 1 on NUMA node 0, 2 and 3 on NUMA node 1.
import { describe, expect, it } from 'vitest';
import type { NodeView } from '../../../src/core/node.js';
import { canPlace, place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { DevicePolicy, NumaWish, PodRequest, SliceRequest } from '../../../src/core/request.js';
import { aContainer, aDevice, aHold, aNode, aRequest, aWish, WHOLE } from '../../builders/core.js';

type Holds = Record<number, NonNullable<Parameters<typeof aHold>[0]>>;

const weightOf = (a: number, b: number): number => (a === b ? 0 : a + b === 3 ? 200 : 10);
/** NVLinks between 0 and 3, and between 1 and 2: across the NUMA nodes. */
const CROSSED = {
  size: 4,
  weight: [0, 1, 2, 3].flatMap((a) => [0, 1, 2, 3].map((b) => weightOf(a, b))),
};

function four(holds: Holds = {}, links = new Map([['nvidia', CROSSED]])): NodeView {
  const devices = [0, 1, 2, 3].map((index) => aDevice({ id: `GPU-${index}`, index, numa: index >> 1 }));
  const named = Object.entries(holds).map(([index, hold]) => [`GPU-${index}`, hold] as const);
  return aNode({ devices, links }, Object.fromEntries(named));
}

const UNTOLD = new Map<string, never>();
const one = { memory: 8192, slices: 1 };
const two = { memory: 16_384, slices: 2 };

/** Indexes of the devices given, container after container; or the kind of refusal. */
function given(request: PodRequest, node: NodeView): number[] | string {
  const answer = place(request, node, DEFAULT_RULES);
  expect(canPlace(preparePod(request, DEFAULT_RULES), node)).toBe(answer.ok);
  if (!answer.ok) return answer.error.kind;
  const slices = answer.value.containers.flatMap((container) => container.slices);
  return slices.map(({ deviceId }) => Number(deviceId.replace('GPU-', '')));
}

interface Case {
  readonly policy: DevicePolicy;
  readonly wish?: SliceRequest;
  readonly numa?: NumaWish;
  readonly node?: NodeView;
  readonly want: number[] | string;
}

const askedBy = ({ policy, wish = aWish(), numa }: Case): PodRequest =>
  aRequest(wish, { devicePolicy: policy, numa: numa ?? null });

const high = aWish({ priority: 'high' });
const pair = aWish({ count: 2 });
const three = aWish({ count: 3 });

describe('a device policy', () => {
  const rows: [string, Case][] = [
    ['binpack takes the fullest', { policy: ['binpack'], node: four({ 1: one, 2: two }), want: [2] }],
    ['spread takes the emptiest', { policy: ['spread'], node: four({ 0: one, 1: two }), want: [2] }],
    [
      'priority: a high one goes where others of high priority have least',
      {
        policy: ['priority'],
        wish: high,
        node: four({
          0: { ...two, highMemory: 9000, highSlices: 1 },
          1: { ...two, highMemory: 100, highSlices: 1 },
          2: { ...two, highMemory: 8000, highSlices: 1 },
          3: { ...one, highMemory: 8000, highSlices: 1 },
        }),
        want: [1],
      },
    ],
    [
      'priority: a low one fills beside them',
      { policy: ['priority'], node: four({ 3: { ...two, highMemory: 9000, highSlices: 1 } }), want: [3] },
    ],
    ['mutex takes one that nobody is on', { policy: ['mutex'], node: four({ 0: one, 1: one }), want: [2] }],
    [
      'mutex waits where somebody is on each',
      { policy: ['mutex'], node: four({ 0: one, 1: one, 2: one, 3: one }), want: 'NoDeviceFits' },
    ],
    ['exclusive takes one that nobody is on', { policy: ['exclusive'], node: four({ 0: one }), want: [1] }],
    [
      'exclusive waits where somebody is on each',
      { policy: ['exclusive'], node: four({ 0: one, 1: one, 2: one, 3: one }), want: 'NoDeviceFits' },
    ],
    ['topology gives several the best links', { policy: ['topology'], wish: pair, want: [0, 3] }],
    [
      'topology gives several the best links of those that fit',
      { policy: ['topology'], wish: { ...WHOLE, count: 2 }, node: four({ 0: one }), want: [1, 2] },
    ],
    [
      'topology goes by NUMA nodes where no links are told',
      { policy: ['topology'], wish: { ...WHOLE, count: 2 }, node: four({ 0: one }, UNTOLD), want: [2, 3] },
    ],
    ['numa keeps several on one NUMA node', { policy: ['numa'], wish: pair, want: [0, 1] }],
    [
      'numa is a wish: more than one NUMA node has are given all the same',
      { policy: ['numa'], wish: three, want: [0, 1, 2] },
    ],
    [
      'fragmentation before any demand is known fills',
      { policy: ['fragmentation', 'binpack'], node: four({ 2: one }), want: [2] },
    ],
  ];
  it.each(rows)('%s', (_title, row) => expect(given(askedBy(row), row.node ?? four())).toEqual(row.want));
});

describe('a list of device policies', () => {
  const rows: [string, Case][] = [
    [
      'keeps the must of one beside the wish of another',
      { policy: ['mutex', 'spread'], node: four({ 0: one, 1: two, 2: two }), want: [3] },
    ],
    [
      'lets the second decide between equals of the first',
      { policy: ['numa', 'binpack'], wish: pair, node: four({ 2: one }), want: [2, 3] },
    ],
    [
      'lets the second decide only between equals of the first',
      { policy: ['numa', 'binpack'], wish: pair, node: four({ 0: two, 2: two }), want: [0, 1] },
    ],
    [
      'asks the other way round when written so',
      { policy: ['binpack', 'numa'], wish: pair, node: four({ 0: two, 2: two }), want: [0, 2] },
    ],
    [
      'ends with the fuller device where it left them alike',
      { policy: ['topology'], wish: pair, node: four({ 1: one }), want: [1, 2] },
    ],
    ['may name three', { policy: ['mutex', 'numa', 'topology'], wish: pair, want: [0, 1] }],
  ];
  it.each(rows)('%s', (_title, row) => expect(given(askedBy(row), row.node ?? four())).toEqual(row.want));
});

describe('one device under topology', () => {
  it('is the worst connected', () => {
    const weight = [0, 200, 10, 200, 0, 10, 10, 10, 0];
    const devices = [0, 1, 2].map((index) => aDevice({ id: `GPU-${index}`, index }));
    const node = aNode({ devices, links: new Map([['nvidia', { size: 3, weight }]]) });
    expect(given(aRequest(aWish(), { devicePolicy: ['topology'] }), node)).toEqual([2]);
  });
});

describe('NUMA', () => {
  const full = { memory: 40_960, slices: 1, isExclusive: true };
  const rows: [string, Case][] = [
    ['required gives one NUMA node', { policy: ['spread'], numa: 'required', wish: pair, want: [0, 1] }],
    [
      'required takes the NUMA node that the policy likes',
      { policy: ['binpack'], numa: 'required', wish: pair, node: four({ 3: one }), want: [3, 2] },
    ],
    [
      'required waits where each has too few',
      { policy: ['binpack'], numa: 'required', wish: three, want: 'NumaShort' },
    ],
    [
      'required waits where each has too few that fit',
      {
        policy: ['binpack'],
        numa: 'required',
        wish: pair,
        node: four({ 0: full, 2: full }),
        want: 'NumaShort',
      },
    ],
    [
      'preferred comes before the policy',
      { policy: ['binpack'], numa: 'preferred', wish: pair, node: four({ 0: one, 2: two }), want: [2, 3] },
    ],
    [
      'preferred gives what there is',
      { policy: ['binpack'], numa: 'preferred', wish: pair, node: four({ 0: full, 2: full }), want: [1, 3] },
    ],
    ['required says nothing of one device', { policy: ['binpack'], numa: 'required', want: [0] }],
  ];
  it.each(rows)('%s', (_title, row) => expect(given(askedBy(row), row.node ?? four())).toEqual(row.want));

  it('required wants to be told where the devices sit', () => {
    const devices = [0, 1].map((index) => aDevice({ id: `GPU-${index}`, index, numa: null }));
    expect(given(aRequest(pair, { numa: 'required' }), aNode({ devices }))).toBe('NumaShort');
  });

  it('counts per NUMA node what would fit', () => {
    const answer = place(aRequest(three, { numa: 'required' }), four({ 0: full }), DEFAULT_RULES);
    expect(answer).toEqual({ ok: false, error: { kind: 'NumaShort', want: 3, fit: { 0: 1, 1: 2 } } });
  });
});

describe('containers of one pod', () => {
  const both = [aContainer('a', 'app', aWish()), aContainer('b', 'app', aWish())];
  const sequel = [aContainer('i', 'init', aWish()), aContainer('a', 'app', aWish())];
  const busy = four({ 0: one, 1: one, 2: one });
  const rows: [string, DevicePolicy, typeof both, number[] | string][] = [
    ['share a device under mutex', ['mutex'], both, [3, 3]],
    ['share none under exclusive', ['exclusive'], both, 'NoDeviceFits'],
    ['have it one after the other under exclusive', ['exclusive'], sequel, [3, 3]],
  ];
  it.each(rows)('%s', (_title, ...[devicePolicy, containers, want]) => {
    expect(given(aRequest(containers, { devicePolicy }), busy)).toEqual(want);
  });
});

it('a container that needs several of one NUMA node is served before one that takes any', () => {
  const devices = [0, 1, 0].map((numa, index) => aDevice({ id: `GPU-${index}`, index, numa }));
  const containers = [aContainer('any', 'app', WHOLE), aContainer('several', 'app', pair)];
  expect(given(aRequest(containers, { numa: 'required' }), aNode({ devices }))).toEqual([1, 0, 2]);
});
