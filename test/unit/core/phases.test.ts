// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isInitOnly, slotsWanted } from '../../../src/core/phases.js';
import { aContainer, aRequest, aWish } from '../../builders/core.js';

const of = (count: number, vendor = 'nvidia') => aWish({ count, vendor });

describe('slotsWanted', () => {
  const rows: [string, ReturnType<typeof aContainer>[], number][] = [
    ['adds apps up', [aContainer('a', 'app', of(1)), aContainer('b', 'app', of(2))], 3],
    [
      'lends the ids of init containers on',
      [aContainer('i', 'init', of(3)), aContainer('a', 'app', of(2))],
      3,
    ],
    [
      'keeps those of sidecars',
      [aContainer('s', 'sidecar', of(1)), aContainer('i', 'init', of(2)), aContainer('a', 'app', of(1))],
      3,
    ],
    ['is nothing for nothing', [aContainer('a', 'app')], 0],
  ];
  it.each(rows)('%s', (_title, containers, want) => {
    expect(slotsWanted(aRequest(containers)).get('nvidia') ?? 0).toBe(want);
  });
});

describe('isInitOnly', () => {
  const rows: [string, ReturnType<typeof aContainer>[], boolean][] = [
    ['an init container alone', [aContainer('i', 'init', of(1)), aContainer('a', 'app')], true],
    [
      'an init container before an app that asks',
      [aContainer('i', 'init', of(1)), aContainer('a', 'app', of(1))],
      false,
    ],
    [
      'an init container before a sidecar that asks',
      [aContainer('i', 'init', of(1)), aContainer('s', 'sidecar', of(1))],
      false,
    ],
    [
      'an init container after the only sidecar that asks',
      [aContainer('s', 'sidecar', of(1)), aContainer('i', 'init', of(1))],
      true,
    ],
    [
      'an app that asks another vendor',
      [aContainer('i', 'init', of(1)), aContainer('a', 'app', of(1, 'other'))],
      true,
    ],
    ['an app alone', [aContainer('a', 'app', of(1))], false],
    ['nobody', [aContainer('a', 'app')], false],
  ];
  it.each(rows)('%s: %s', (_title, containers, want) => {
    expect(isInitOnly(aRequest(containers))).toBe(want);
  });
});
