// SPDX-License-Identifier: Apache-2.0
// docs/errors.md is held to the table of refusals, both ways.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Refusal } from '../src/core/refusal.js';
import { DEVICE_REFUSALS, NODE_REFUSALS, textOf } from '../src/core/refusals.js';
import { mib, milliCores } from '../src/core/units.js';
import { ROOT } from './architecture/tree.js';

/** One refusal of each kind: the page shows the sentence that the code makes of it. */
const EXAMPLES: readonly Refusal[] = [
  { kind: 'UnknownNode' },
  { kind: 'NoDevices' },
  { kind: 'InventoryUnreadable', detail: '' },
  { kind: 'HeldByUnreadablePlacement', pod: '' },
  { kind: 'TooFewDevices', have: 2, want: 3 },
  {
    kind: 'NoDeviceFits',
    want: 1,
    fit: 0,
    devices: {
      a: { kind: 'MemoryShort', free: mib(40_001), want: mib(50_000) },
      b: { kind: 'MemoryShort', free: mib(0), want: mib(50_000) },
    },
  },
  { kind: 'NumaShort', want: 4, fit: { 0: 2, 1: 3 } },
  { kind: 'NoSlots', want: 1 },
  { kind: 'SlotsShort', have: 10, free: 0, want: 1 },
  { kind: 'InitOnlyInFlight', pod: '' },
  {
    kind: 'BadRequest',
    sentence:
      'spec.containers[0].resources.limits["nvidia.com/gpu"] is "x": want a number such as 1, or a quantity such as 16Gi',
  },
  { kind: 'Unhealthy', reason: '' },
  { kind: 'Cordoned' },
  { kind: 'WrongModel' },
  { kind: 'WrongDevice' },
  { kind: 'TooSmall', have: mib(40_960), want: mib(50_000) },
  { kind: 'TooWeak', have: milliCores(500), want: milliCores(600) },
  { kind: 'NoCut' },
  { kind: 'MemoryShort', free: mib(960), want: mib(4096) },
  { kind: 'CoresShort', free: milliCores(200), want: milliCores(300) },
  { kind: 'SlicesShort', splits: 10 },
  { kind: 'HeldExclusively' },
  { kind: 'NotEmpty' },
];

function rows(): { kind: string; curable: string; text: string; advice: string }[] {
  return readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, kind = '', curable = '', text = '', advice = '']) => ({
      kind: kind.replaceAll('`', ''),
      ...{ curable, text, advice },
    }));
}

const TABLE: Readonly<Record<string, { readonly curable: unknown }>> = {
  ...NODE_REFUSALS,
  ...DEVICE_REFUSALS,
};

describe('docs/errors.md', () => {
  it('has a row for every kind of refusal, in the order of the code, and no other', () => {
    expect(rows().map(({ kind }) => kind)).toEqual(Object.keys(TABLE));
    expect(EXAMPLES.map(({ kind }) => kind)).toEqual(Object.keys(TABLE));
  });

  it.each(rows())('tells of $kind the curability and the sentence of the code, and what to do', (row) => {
    const { curable } = TABLE[row.kind] ?? {};
    expect(row.curable).toBe(typeof curable === 'function' ? 'depends' : curable);
    expect(row.text).toBe(textOf(EXAMPLES.find(({ kind }) => kind === row.kind) as Refusal));
    expect(row.advice).not.toBe('');
  });
});
