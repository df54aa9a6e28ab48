// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { fit } from '../../../src/core/fit.js';
import type { DeviceState } from '../../../src/core/node.js';
import { ANY_DEVICE, type DeviceChoice, type SliceRequest } from '../../../src/core/request.js';
import { aState, aWish, WHOLE } from '../../builders/core.js';

const allow = (choice: Partial<DeviceChoice>): DeviceChoice => ({ ...ANY_DEVICE, ...choice });

describe('fit gives a slice', () => {
  const rows: [string, DeviceState, SliceRequest, object][] = [
    ['of the MiB asked', aState(), aWish({ memory: 4096, cores: 300 }), { memory: 4096, cores: 300 }],
    ['of the whole memory', aState(), WHOLE, { memory: 40_960, cores: 1000 }],
    [
      'of a share, rounded up',
      aState({ memory: 16_001 }),
      aWish({ memory: { kind: 'share', permille: 250 } }),
      { memory: 4001, cores: 0 },
    ],
    ['of exactly what is left', aState({}, { memory: 36_864, slices: 9 }), aWish(), { memory: 4096 }],
    [
      'of exactly the compute left',
      aState({}, { cores: 700, slices: 1 }),
      aWish({ cores: 300 }),
      { cores: 300 },
    ],
    ['without compute where none is left', aState({}, { cores: 1000, slices: 2 }), aWish(), { cores: 0 }],
    // Whoever takes all memory owns the device, and may: nobody else is on it.
    ['of all memory by MiB', aState(), aWish({ memory: 40_960 }), { memory: 40_960 }],
  ];
  it.each(rows)('%s', (_title, ...[state, slice, want]) => {
    expect(fit(state, { slice, choice: ANY_DEVICE })).toMatchObject({
      ok: true,
      value: { deviceId: 'GPU-0', ...want },
    });
  });
});

describe('fit refuses', () => {
  const rows: [string, DeviceState, SliceRequest, object][] = [
    [
      'a sick device',
      aState({ isHealthy: false, reason: 'Xid 79' }),
      aWish(),
      { kind: 'Unhealthy', reason: 'Xid 79' },
    ],
    ['a cordoned device', aState({}, {}, true), aWish(), { kind: 'Cordoned' }],
    ['a device that is not cut at all', aState({ splits: 0 }), aWish(), { kind: 'Cordoned' }],
    [
      'more memory than there is',
      aState(),
      aWish({ memory: 50_000 }),
      { kind: 'TooSmall', have: 40_960, want: 50_000 },
    ],
    [
      'more compute than there is',
      aState({ cores: 500 }),
      aWish({ cores: 600 }),
      { kind: 'TooWeak', have: 500, want: 600 },
    ],
    [
      'more memory than is left',
      aState({}, { memory: 40_000, slices: 1 }),
      aWish(),
      { kind: 'MemoryShort', free: 960, want: 4096 },
    ],
    [
      'more compute than is left',
      aState({}, { cores: 800, slices: 1 }),
      aWish({ cores: 300 }),
      { kind: 'CoresShort', free: 200, want: 300 },
    ],
    ['one slice too many', aState({}, { slices: 10 }), aWish(), { kind: 'SlicesShort', splits: 10 }],
    [
      'a device held whole',
      aState({}, { slices: 1, isExclusive: true }),
      aWish(),
      { kind: 'HeldExclusively' },
    ],
    [
      'a shared device to one who wants it whole',
      aState({}, { slices: 1, memory: 1 }),
      WHOLE,
      { kind: 'NotEmpty' },
    ],
    [
      'a shared device to one who wants all compute',
      aState({}, { slices: 1 }),
      aWish({ cores: 1000 }),
      { kind: 'NotEmpty' },
    ],
    [
      'a shared device to one who names all its memory',
      aState({}, { slices: 1 }),
      aWish({ memory: 40_960 }),
      { kind: 'NotEmpty' },
    ],
    [
      'an overfull device',
      aState({}, { memory: 50_000, slices: 2 }),
      aWish(),
      { kind: 'MemoryShort', free: 0 },
    ],
    // What no eviction can cure is said first.
    [
      'a full device that is sick',
      aState({ isHealthy: false }, { slices: 10 }),
      aWish(),
      { kind: 'Unhealthy' },
    ],
  ];
  it.each(rows)('%s', (_title, ...[state, slice, want]) => {
    expect(fit(state, { slice, choice: ANY_DEVICE })).toMatchObject({ ok: false, error: want });
  });
});

describe('the choice of devices', () => {
  const rows: [string, DeviceChoice, string | null][] = [
    ['allows a part of the model’s name in any case', allow({ allowModels: ['a100-sxm'] }), null],
    ['refuses other models', allow({ allowModels: ['T4', 'H100'] }), 'WrongModel'],
    ['refuses a denied model', allow({ denyModels: ['A100'] }), 'WrongModel'],
    ['lets deny win over allow', allow({ allowModels: ['NVIDIA'], denyModels: ['A100'] }), 'WrongModel'],
    ['allows an id', allow({ allowIds: ['GPU-0'] }), null],
    ['takes ids exactly', allow({ allowIds: ['gpu-0', 'GPU-00'] }), 'WrongDevice'],
    ['refuses a denied id', allow({ denyIds: ['GPU-0'] }), 'WrongDevice'],
  ];
  it.each(rows)('%s', (_title, choice, kind) => {
    const answer = fit(aState(), { slice: aWish(), choice });
    expect(answer.ok ? null : answer.error.kind).toBe(kind);
  });
});
