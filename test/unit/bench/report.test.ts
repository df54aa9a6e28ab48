// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { figure, jsonLines, type Row, table } from '../../../bench/report.js';

const row: Row = { bench: 'walk', metric: 'p99', value: 4.2, unit: 'ms', bar: '≤ 5', holds: true };

describe('a bench report', () => {
  it.each([
    [5, '5'],
    [123.456, '123'],
    [0.0123456, '0.0123'],
    [99.95, '100'],
  ])('shows %d as %s', (value, text) => expect(figure(value)).toBe(text));

  it('is a table for people', () => {
    const missed: Row = { ...row, metric: 'writes per pod', value: 12, unit: '', bar: '1', holds: false };
    expect(table([row, missed]).split('\n')).toEqual([
      'figure          value  unit  bar',
      'p99               4.2  ms    ≤ 5  holds',
      'writes per pod     12        1    MISSED',
    ]);
  });

  it('is one JSON object a line for programs', () => expect(JSON.parse(jsonLines([row]))).toEqual(row));
});
