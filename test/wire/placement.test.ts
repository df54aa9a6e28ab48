// SPDX-License-Identifier: Apache-2.0
// The letter kerf.dev/placement, both ways. A golden file that changes breaks running clusters: add a new one.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mib, milliCores } from '../../src/core/units.js';
import { decodePlacement, encodePlacement } from '../../src/wire/placement.js';
import { aPlacement } from '../builders/core.js';

const golden = (name: string): string => readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8');

const FIRST = 'GPU-3b241101-e2bb-4255-8caf-4136c566a962';
const SECOND = 'GPU-9d1f0c66-0a3e-4f6d-8b1e-2f4b1d8c5e11';
const PLACEMENT = aPlacement({
  prepare: [[FIRST, 40_960, 1000]],
  a: [
    [FIRST, 4096, 300],
    [SECOND, 10_240, 305],
  ],
});

describe('the placement letter', () => {
  it('is written as in the golden file', () => {
    expect(encodePlacement(PLACEMENT)).toBe(golden('placement-v1.txt'));
  });

  it('is read as in the golden file', () => {
    expect(decodePlacement(golden('placement-v1.txt'))).toEqual({ ok: true, value: PLACEMENT });
  });

  it('carries how a slice lives with others', () => {
    const [slice] = aPlacement({ a: [[FIRST, 4096, 300]] }).containers[0]?.slices ?? [];
    if (slice === undefined) throw new Error('bug: no slice');
    const sharing = { isSoft: true as const, weight: 3, ceiling: mib(8192) };
    const placement = { containers: [{ name: 'a', slices: [{ ...slice, ...sharing }] }] };
    expect(encodePlacement(placement)).toContain('"soft":true,"weight":3,"burstMiB":8192');
    expect(decodePlacement(encodePlacement(placement))).toEqual({ ok: true, value: placement });
  });

  it('lets unknown fields pass', () => {
    expect(decodePlacement(golden('placement-v1-unknown-fields.txt'))).toEqual({
      ok: true,
      value: aPlacement({ a: [[FIRST, 4096]] }),
    });
  });

  it('of an unknown version is not read: whoever asks holds', () => {
    expect(decodePlacement(golden('placement-v2.txt'))).toEqual({
      ok: false,
      error: 'placement version 2 is not 1',
    });
  });

  const slice = { device: 'GPU-0', memoryMiB: 1, corePercent: 1 };
  const one = (part: object) => JSON.stringify({ v: 1, containers: [{ name: 'a', slices: [part] }] });
  it.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no version', '{"containers":[]}'],
    ['a version that cannot be written', '{"v":{"toString":0}}'],
    ['a version nested deep', `{"v":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['no containers', '{"v":1}'],
    ['a container without a name', '{"v":1,"containers":[{"slices":[]}]}'],
    ['a container without slices', '{"v":1,"containers":[{"name":"a"}]}'],
    ['a slice of no device', one({ ...slice, device: '' })],
    ['a slice without memory', one({ ...slice, memoryMiB: undefined })],
    ['weight of nothing', one({ ...slice, weight: 0 })],
    ['soft as text', one({ ...slice, soft: 'yes' })],
    ['a burst below its memory', one({ ...slice, memoryMiB: 2, burstMiB: 1 })],
    ['negative memory', one({ ...slice, memoryMiB: -1 })],
    ['half a MiB', one({ ...slice, memoryMiB: 0.5 })],
    ['memory as text', one({ ...slice, memoryMiB: '4096' })],
    ['negative compute', one({ ...slice, corePercent: -1 })],
    ['a capacity in part', one({ ...slice, ofMiB: 4 })],
    ['a capacity that is none', one({ ...slice, ofMiB: 4, ofPercent: 'x', ofSlices: 1 })],
    ['compute finer than a tenth of a percent', one({ ...slice, corePercent: 0.05 })],
  ])('is an error, and no exception, when it has %s', (_title, text) => {
    expect(decodePlacement(text)).toMatchObject({ ok: false, error: expect.stringContaining('placement') });
  });

  const memory = fc.nat().map(mib);
  const cores = fc.nat(4000).map(milliCores);
  const SLICE_PARTS = {
    deviceId: fc.string({ minLength: 1 }),
    memory,
    cores,
    isHigh: fc.boolean(),
    isAlone: fc.boolean(),
    of: fc.record({ memory, cores, splits: fc.nat(100) }),
  };
  const anyPlacement = fc.record({
    containers: fc.array(
      fc.record({
        name: fc.string(),
        slices: fc.array(
          fc.record(SLICE_PARTS, { requiredKeys: ['deviceId', 'memory', 'cores', 'isHigh', 'isAlone'] }),
        ),
      }),
    ),
  });
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(anyPlacement, (placement) => {
        expect(decodePlacement(encodePlacement(placement))).toEqual({ ok: true, value: placement });
      }),
    );
  });

  it('never throws at what a tenant could write', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(typeof decodePlacement(text).ok).toBe('boolean');
      }),
    );
  });
});
