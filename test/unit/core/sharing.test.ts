// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { withSharing } from '../../../src/core/sharing.js';
import type { SharingWish } from '../../../src/core/request.js';
import { mib } from '../../../src/core/units.js';
import { aPlacement } from '../../builders/core.js';

const DEVICE = mib(10_000);
const slicesOf = (wish: SharingWish, memory = 4000, cores = 300) =>
  withSharing(aPlacement({ a: [['GPU-0', memory, cores]] }), wish, () => DEVICE).containers[0]?.slices[0];

describe('what a placement says of living with others', () => {
  it.each<[string, SharingWish, object]>([
    ['nothing where nothing is wished', {}, {}],
    ['nothing of a hard one, whatever its weight', { compute: 'hard', weight: 5 }, {}],
    ['soft with its weight', { compute: 'soft', weight: 5 }, { isSoft: true, weight: 5 }],
    ['soft alone where all weigh the same', { compute: 'soft', weight: 1 }, { isSoft: true }],
    ['a ceiling above the part', { ceiling: mib(8000) }, { ceiling: 8000 }],
    ['a ceiling no higher than the device', { ceiling: mib(20_000) }, { ceiling: 10_000 }],
    ['no ceiling that is the part itself', { ceiling: mib(4000) }, {}],
  ])('%s', (_name, wish, want) => {
    const { deviceId, memory, cores, isHigh, isAlone, ...said } = slicesOf(wish) ?? {};
    expect([deviceId, memory, cores, isHigh, isAlone]).toEqual(['GPU-0', 4000, 300, false, false]);
    expect(said).toEqual(want);
  });

  it('a slice without a compute limit, or with all of it, has nothing to borrow', () => {
    expect(slicesOf({ compute: 'soft' }, 4000, 0)).not.toHaveProperty('isSoft');
    expect(slicesOf({ compute: 'soft' }, 4000, 1000)).not.toHaveProperty('isSoft');
  });
});
