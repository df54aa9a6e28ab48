// SPDX-License-Identifier: Apache-2.0
// HAMi's letter, as its encoders write it (golden file: HAMi 2.10, 4707fb02). Read only.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VENDORS } from '../../src/vendors/index.js';
import { decodeHamiPlacement, hamiLettersOf } from '../../src/wire/hami-placement.js';
import { aPlacement } from '../builders/core.js';

interface Row {
  readonly title: string;
  readonly letters: Readonly<Record<string, string>>;
  readonly containers: readonly string[];
  readonly placement: Parameters<typeof aPlacement>[0];
}

const golden = JSON.parse(
  readFileSync(new URL('golden/hami-v2.10.json', import.meta.url), 'utf8'),
) as readonly Row[];

const read = (
  annotations: Readonly<Record<string, unknown>>,
  containers: Parameters<typeof decodeHamiPlacement>[1],
) => decodeHamiPlacement(hamiLettersOf(annotations, VENDORS), containers);
const record = (text: string) => ({ 'hami.io/vgpu-devices-allocated': text });
const asking = (name: string, count: number) => ({ name, asks: new Map([['nvidia', count]]) });

describe("HAMi's letter", () => {
  it.each(golden)('$title', ({ letters, containers, placement }) => {
    expect(
      read(
        letters,
        containers.map((name) => ({ name })),
      ),
    ).toEqual({
      ok: true,
      value: aPlacement(placement),
    });
  });

  const about = "HAMi's letter about nvidia: ";
  const want = 'want uuid,word,MiB,percent';
  it.each([
    ['too few fields', 'GPU-a1,NVIDIA,3000:;', `${about}container 0 has "GPU-a1,NVIDIA,3000": ${want}`],
    ['no id', ',NVIDIA,3000,30:;', `${about}container 0 has ",NVIDIA,3000,30": ${want}`],
    ['memory in words', ';GPU-a1,NVIDIA,3Gi,30:;', `${about}container 1 has "GPU-a1,NVIDIA,3Gi,30": ${want}`],
    ['negative memory', 'GPU-a1,NVIDIA,-1,30:;', `${about}container 0 has "GPU-a1,NVIDIA,-1,30": ${want}`],
    [
      'more than 32 bits',
      'GPU-a1,NVIDIA,2147483648,30:;',
      `${about}container 0 has "GPU-a1,NVIDIA,2147483648,30": ${want}`,
    ],
    ['one good device and one bad', 'GPU-a1,NVIDIA,1,1:x:;', `${about}container 0 has "x": ${want}`],
    ['other words', 'garbage', `${about}container 0 has "garbage": ${want}`],
    ['nothing', '', "HAMi's letters name no device"],
    ['entries that were all handed out', ';;', "HAMi's letters name no device"],
  ])('with %s cannot be read', (_what, text, error) => {
    expect(read(record(text), [{ name: 'a' }, { name: 'b' }])).toEqual({ ok: false, error });
  });

  it.each([
    ['GPU-a1,NVIDIA,1,1:;', [asking('main', 2)], 'container main has 1 of the 2 devices it asks'],
    [';GPU-a1,NVIDIA,1,1:;', [asking('a', 1), asking('b', 1)], 'container a has 0 of the 1 devices it asks'],
    ['GPU-a1,NVIDIA,1,1:;', [asking('init', 0), asking('main', 2)], 'it names 1 of the 2 devices asked'],
  ])('%s that gives less than is asked was emptied, and cannot be read', (text, containers, error) => {
    expect(read(record(text), containers)).toEqual({ ok: false, error: `${about}${error}` });
  });

  it('is none where HAMi calls the resources otherwise, or the annotation is no text', () => {
    expect(hamiLettersOf({ 'hami.io/Ascend910B3-devices-allocated': 'x' }, VENDORS)).toEqual([]);
    expect(hamiLettersOf({ 'hami.io/vgpu-devices-allocated': 3 }, VENDORS)).toEqual([]);
  });

  it('never throws at what a tenant could write, and reads no negative amount', () => {
    const pieces = fc.array(
      fc.oneof(fc.constantFrom(';', ':', ',', 'GPU-a1', '[', ']', '-1', '30', '9999999999'), fc.string()),
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const answer = read(record(parts.join('')), [asking('a', 1)]);
        if (!answer.ok) return;
        const slices = answer.value.containers.flatMap((container) => container.slices);
        expect(slices.length).toBeGreaterThan(0);
        for (const { deviceId, memory, cores } of slices)
          expect([deviceId !== '', memory >= 0, cores >= 0]).toEqual([true, true, true]);
      }),
    );
  });
});
