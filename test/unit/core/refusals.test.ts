// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DeviceRefusal, NodeRefusal } from '../../../src/core/refusal.js';
import { curableOf, textOf } from '../../../src/core/refusals.js';
import { mib, milliCores } from '../../../src/core/units.js';

const short = (free: number): DeviceRefusal => ({ kind: 'MemoryShort', free: mib(free), want: mib(50_000) });
const small = (have: number): DeviceRefusal => ({ kind: 'TooSmall', have: mib(have), want: mib(50_000) });
const sick: DeviceRefusal = { kind: 'Unhealthy', reason: 'Xid 79' };
const whole: DeviceRefusal = { kind: 'HeldExclusively' };

function none(devices: readonly DeviceRefusal[], want = 1, fit = 0): NodeRefusal {
  return {
    kind: 'NoDeviceFits',
    want,
    fit,
    devices: Object.fromEntries(devices.map((each, i) => [`GPU-${i}`, each])),
  };
}

describe('the sentence of a node where no device fits', () => {
  const rows: [string, NodeRefusal, string][] = [
    [
      'one reason on all',
      none([short(40_960), short(4096)]),
      'memory short on all 2 devices: 50000 MiB wanted, at most 40960 MiB free',
    ],
    [
      'the free amount rounded down, so that equals count together',
      none([short(40_001), short(0)]),
      'memory short on all 2 devices: 50000 MiB wanted, at most 39936 MiB free',
    ],
    [
      'little memory rounded to 128 MiB',
      none([short(1000)]),
      'memory short on the only device: 50000 MiB wanted, 896 MiB free',
    ],
    [
      'no amount where there is none',
      none([whole, whole, whole]),
      'held alone by another pod on all 3 devices',
    ],
    [
      'several reasons, counted, most frequent first',
      none([sick, short(2048), short(1024)]),
      'no device fits: 2 memory short: 50000 MiB wanted, at most 2048 MiB free, 1 unhealthy',
    ],
    [
      'too few that fit',
      none([whole, whole], 3, 1),
      'only 1 of 3 wanted devices fit: 2 held alone by another pod',
    ],
  ];
  it.each(rows)('%s', (_title, refusal, want) => {
    expect(textOf(refusal)).toBe(want);
  });
});

describe('evicting', () => {
  const rows: [string, NodeRefusal, string][] = [
    ['helps where one device would be free enough', none([short(0), small(1)]), 'by-preemption'],
    ['does not help where devices are too small or sick', none([small(1), sick]), 'never'],
    ['does not help where too few could be freed', none([whole, sick], 2), 'never'],
    [
      'helps where those that fit and those that could make enough',
      none([whole, sick], 2, 1),
      'by-preemption',
    ],
    ['helps where slots are taken', { kind: 'SlotsShort', have: 10, free: 0, want: 1 }, 'by-preemption'],
    [
      'does not help where there are fewer slots than wanted',
      { kind: 'SlotsShort', have: 1, free: 1, want: 2 },
      'never',
    ],
    ['does not help where nobody can read', { kind: 'InventoryUnreadable', detail: '' }, 'never'],
  ];
  it.each(rows)('%s', (_title, refusal, want) => {
    expect(curableOf(refusal)).toBe(want);
  });
});

it('says compute in percent', () => {
  const refusal: DeviceRefusal = { kind: 'CoresShort', free: milliCores(205), want: milliCores(300) };
  expect(textOf(refusal)).toBe('compute short: 30 % wanted, 20.5 % free');
});
