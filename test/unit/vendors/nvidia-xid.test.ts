// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../src/core/health.js';
import { XIDS, xidRule } from '../../../src/vendors/nvidia-xid.js';

describe('the XID table', () => {
  it('names each XID once', () => {
    const codes = XIDS.flatMap((row) => row.codes);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('says why where it does not follow the catalogue', () => {
    for (const { verdict, why } of XIDS) expect(verdict === undefined).toBe(why === undefined);
  });

  it.each<[Verdict, readonly number[]]>([
    // What a tenant's program causes must not take the device from the others: also what NVIDIA's own plugin ignores, but 109.
    ['ignore', [13, 31, 43, 45, 68, 63, 94]],
    ['quarantine', [74, 109, 145, 154]],
    ['fatal', [48, 62, 64, 79, 95, 119, 120, 140]],
    // Unknown to the catalogue.
    ['quarantine', [1, 999]],
  ])('judges as %s: %j', (verdict, codes) => {
    expect(codes.map((code) => xidRule(code).verdict)).toEqual(codes.map(() => verdict));
  });

  it('says number and words', () => {
    expect(xidRule(79).text).toBe('XID 79: GPU has fallen off the bus');
    expect(xidRule(999).text).toBe('XID 999, which we do not know');
  });
});
