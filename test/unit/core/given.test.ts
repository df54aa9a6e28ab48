// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { foreignBytes, type HoldingProcess, podOf } from '../../../src/core/given.js';

const SLOTS = [{ slot: 's1', podUid: 'u1', deviceIds: ['GPU-1'] }];
const aProcess = (change: Partial<HoldingProcess> = {}): HoldingProcess => ({
  ...{ deviceId: 'GPU-1', usedBytes: 10, podUid: 'u1', containerId: 'c', slot: 's1' },
  ...change,
});

it.each<[string, Partial<HoldingProcess>, string]>([
  ['by its cgroup', {}, 'u1'],
  ['by its cgroup, whatever it has mounted', { podUid: 'u2' }, 'u2'],
  ['by the slot it has mounted, where the cgroup names only a container', { podUid: '' }, 'u1'],
  ['not by a mount alone: who entered a container from outside', { podUid: '', containerId: '' }, ''],
  ['of nobody, in a container without a slot', { podUid: '', slot: '' }, ''],
])('a process is of a pod %s', (_, change, uid) => expect(podOf(aProcess(change), SLOTS)).toBe(uid));

it('what is held where nobody gave is foreign, device by device', () => {
  const held = [
    aProcess(),
    aProcess({ deviceId: 'GPU-2' }),
    aProcess({ podUid: 'u9' }),
    aProcess({ podUid: '', containerId: '', usedBytes: 5 }),
  ];
  const foreign = new Map([
    ['GPU-2', 10],
    ['GPU-1', 15],
  ]);
  expect(foreignBytes(held, SLOTS)).toEqual(foreign);
});
