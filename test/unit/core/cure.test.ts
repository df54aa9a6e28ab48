// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { curableOn } from '../../../src/core/cure.js';
import type { NodeView } from '../../../src/core/node.js';
import { place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { PodRequest } from '../../../src/core/request.js';
import { aContainer, aDevice, aNode, aRequest, aWish } from '../../builders/core.js';

const one = (hold = {}, named = {}) => aNode({ devices: [aDevice()], ...named }, { 'GPU-0': hold });
/** Its slots are all lent. */
const lent = (node: NodeView): NodeView => ({
  ...node,
  vendors: new Map([...node.vendors].map(([name, view]) => [name, { ...view, slotsUsed: view.slots }])),
});
const app = (name: string, memory: number) => aContainer(name, 'app', aWish({ memory }));
const pair = (memory: number) => aRequest([app('a', memory), app('b', memory)]);
const h200 = aRequest(aWish(), {
  choice: { allowModels: ['H200'], denyModels: [], allowIds: [], denyIds: [] },
});

const ROWS: [string, PodRequest, NodeView, string, string][] = [
  ['another pod is in the way', aRequest(), one({ memory: 40_000 }), 'NoDeviceFits', 'by-preemption'],
  [
    'others are in the way of two containers',
    pair(20_000),
    one({ memory: 1_000 }),
    'NoDeviceFits',
    'by-preemption',
  ],
  ['two containers are in each other’s way', pair(30_000), one(), 'NoDeviceFits', 'never'],
  ['all slots are lent', aRequest(), lent(one()), 'SlotsShort', 'by-preemption'],
  ['all slots are lent, of a model not wanted', h200, lent(one()), 'SlotsShort', 'never'],
  ['the model is not wanted', h200, one(), 'NoDeviceFits', 'never'],
  ['the plugin is dead', aRequest(), one({}, { slotCount: 0 }), 'NoSlots', 'never'],
];

it.each(ROWS)('where %s, eviction helps as it would', (_title, request, node, ...[kind, want]) => {
  const answer = place(request, node, DEFAULT_RULES);
  if (answer.ok) throw new Error('it fits');
  expect(answer.error.kind).toBe(kind);
  expect(curableOn(answer.error, preparePod(request, DEFAULT_RULES), node)).toBe(want);
});
