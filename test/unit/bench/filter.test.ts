// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { allocatedBy } from '../../../bench/filter/allocation.js';
import { eventTimes } from '../../../bench/filter/events.js';
import { filledLedger, nodeName } from '../../../bench/filter/fleet.js';
import { ASKERS } from '../../../bench/filter/pods.js';
import { allocationRow, eventRows, flatRow, peerRows, verbRows } from '../../../bench/filter/rows.js';
import { askAs } from '../../../bench/filter/verbs.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';

describe('the filter bench', () => {
  it('holds p99 of the default sample to 5 ms, of every name to 10 ms', () => {
    const rows = [...verbRows('x', 500, [4, 6]), ...verbRows('x', 5000, [4, 6])];
    expect(rows.map(({ bar, holds }) => [bar, holds])).toEqual([
      ['', null],
      ['≤ 5', false],
      ['', null],
      ['≤ 10', true],
    ]);
  });

  it('holds the mean event to 50 µs, twice the slices to 1.2 × the time, and a node to the bytes of a number', () => {
    expect(eventRows(40_000, [{ event: 'x', micros: 55 }])[0]).toMatchObject({ value: 55, holds: false });
    expect(flatRow('x', [10, 10], [12, 12])).toMatchObject({ value: 1.2, holds: true });
    const allocated = { bytes: 400, most: { where: 'f', bytes: 300 } };
    expect(allocationRow('x', allocated, 10)).toMatchObject({ value: 40, holds: false });
  });

  it('counts how many times faster than the stored peer', () => {
    expect(peerRows([4, 6]).at(-1)).toMatchObject({ value: 161.8, holds: true });
  });

  it('fills each device, and leaves the ledger as it was', () => {
    const ledger = filledLedger({ nodes: 3, slicesPerDevice: 2 });
    expect(ledger.counts()).toEqual({ nodes: 3, assumed: 0, held: 48, troubled: 0 });
    const before = ledger.node(nodeName(1))?.vendors;
    eventTimes(ledger, 3);
    expect(ledger.node(nodeName(1))?.vendors).toEqual(before);
  });

  it.each(ASKERS)('asks for $name, which fits or does not as said, and each time another', (asker) => {
    const snapshot = filledLedger({ nodes: 20, slicesPerDevice: asker.needsFree ? 0 : 1 });
    const stage = { snapshot, rules: DEFAULT_RULES, names: 20, nodes: 20 };
    expect(askAs(asker, stage, 0).ms).toBeGreaterThan(0);
    const keys = Array.from({ length: 500 }, (_, at) => preparePod(asker.podOf(at), DEFAULT_RULES).key);
    expect(new Set(keys).size).toBe(500);
  });

  it('sees what is allocated', () => {
    const kept: string[] = [];
    const { bytes } = allocatedBy(() => {
      for (let at = 0; at < 10_000; at++) kept.push(`a text of its own: ${at}`);
    });
    expect(bytes).toBeGreaterThan(100_000);
  });
});
