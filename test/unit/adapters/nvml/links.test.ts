// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { NvmlDeviceLinks } from '../../../../src/adapters/nvml/contract.js';
import { peersOf } from '../../../../src/adapters/nvml/links.js';

const busId = (at: number): string => `00000000:${(0x1b + at).toString(16).toUpperCase()}:00.0`;

/** Device `at` of two, at 40 (one NUMA node) from the other, without NVLinks. */
function aRow(at: number, differs: Partial<NvmlDeviceLinks> = {}): NvmlDeviceLinks {
  const ancestors = at === 0 ? [0, 40] : [40, 0];
  return { uuid: `GPU-${at}`, pciBusId: busId(at), nvlinks: [], ancestors, ...differs };
}

const to = (at: number, count: number) => ({ to: busId(at), count });
const toSwitch = (count: number) => ({ to: null, count });
const wordOf = (...rows: NvmlDeviceLinks[]) => {
  const peers = peersOf(rows);
  expect(peers.get('GPU-1')?.get('GPU-0')).toBe(peers.get('GPU-0')?.get('GPU-1'));
  return peers.get('GPU-0')?.get('GPU-1');
};

describe('what two devices are to one another', () => {
  it.each([
    [0, 'PSB'],
    [10, 'PIX'],
    [20, 'PXB'],
    [30, 'PHB'],
    [40, 'NODE'],
    [50, 'SYS'],
  ])('with a common ancestor at level %i it is %s', (level, word) => {
    expect(wordOf(aRow(0, { ancestors: [0, level] }), aRow(1, { ancestors: [level, 0] }))).toBe(word);
  });

  it('is the number of NVLinks between them, however their addresses are written', () => {
    const lower = { to: busId(1).toLowerCase(), count: 12 };
    expect(wordOf(aRow(0, { nvlinks: [lower] }), aRow(1, { nvlinks: [to(0, 12)] }))).toBe('NV12');
  });

  it('is through switches what the end with fewer links has', () => {
    expect(wordOf(aRow(0, { nvlinks: [toSwitch(18)] }), aRow(1, { nvlinks: [toSwitch(17)] }))).toBe('NV17');
    expect(wordOf(aRow(0, { nvlinks: [toSwitch(18)] }), aRow(1))).toBe('NODE');
  });

  it('never has more NVLinks than a device can have', () => {
    expect(wordOf(aRow(0, { nvlinks: [toSwitch(30)] }), aRow(1, { nvlinks: [toSwitch(30)] }))).toBe('NV18');
  });

  it('does not believe NVLinks of which the two ends tell different numbers', () => {
    expect(wordOf(aRow(0, { nvlinks: [to(1, 12)] }), aRow(1, { nvlinks: [to(0, 10)] }))).toBe('NODE');
    expect(wordOf(aRow(0, { nvlinks: [to(1, 12)] }), aRow(1))).toBe('NODE');
  });

  it('does not count links to what is no device of this node', () => {
    expect(wordOf(aRow(0, { nvlinks: [to(7, 4)] }), aRow(1, { nvlinks: [to(7, 4)] }))).toBe('NODE');
  });

  it.each([
    ['neither end tells', [null, null]],
    ['one end does not tell', [40, null]],
    ['the ends tell different levels', [40, 50]],
    ['both tell a level nobody knows', [45, 45]],
  ])('is not known where %s', (_title, [there = null, back = null]) => {
    expect(wordOf(aRow(0, { ancestors: [0, there] }), aRow(1, { ancestors: [back, 0] }))).toBeUndefined();
  });

  it('is not known of a device that cannot be named, and its neighbours keep their places', () => {
    const rows = [
      aRow(0, { ancestors: [0, 40, 10] }),
      { uuid: '', pciBusId: '', nvlinks: [], ancestors: [] },
      aRow(2, { ancestors: [10, 40, 0] }),
    ];
    expect([...(peersOf(rows).get('GPU-0') ?? [])]).toEqual([['GPU-2', 'PIX']]);
  });

  it('is not known where the answer is short', () => {
    expect(wordOf(aRow(0, { ancestors: [] }), aRow(1, { ancestors: [] }))).toBeUndefined();
  });
});
