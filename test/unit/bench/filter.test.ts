// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { eventTimes } from '../../../bench/filter/events.js';
import { filledLedger, nodeName } from '../../../bench/filter/fleet.js';
import { ASKERS } from '../../../bench/filter/pods.js';
import { eventRows, flatRow, verbRows } from '../../../bench/filter/rows.js';
import { timeOf } from '../../../bench/filter/verbs.js';

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

  it('holds the mean event to 50 µs, and twice the slices to 1.2 × the time', () => {
    expect(eventRows(40_000, [{ event: 'x', micros: [20, 90] }])[0]).toMatchObject({
      value: 55,
      holds: false,
    });
    expect(flatRow('x', [10, 10], [12, 12])).toMatchObject({ value: 1.2, holds: true });
  });

  it('fills each device, and leaves the ledger as it was', () => {
    const ledger = filledLedger({ nodes: 3, slicesPerDevice: 2 });
    expect(ledger.counts()).toEqual({ nodes: 3, assumed: 0, held: 48, troubled: 0 });
    const before = ledger.node(nodeName(1))?.vendors;
    eventTimes(ledger, 3);
    expect(ledger.node(nodeName(1))?.vendors).toEqual(before);
  });

  it.each(ASKERS)('asks for $name, which fits or does not as said', (asker) => {
    const ledger = filledLedger({ nodes: 20, slicesPerDevice: 1 });
    const question = { asker, policy: 'binpack', names: 20, nodes: 20 } as const;
    expect(timeOf(question, ledger, 0)).toBeGreaterThan(0);
  });
});
