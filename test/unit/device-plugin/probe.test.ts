// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Renewal } from '../../../device-plugin/probe.js';

const well = { error: null };
const lost = { error: 'NVML_ERROR_GPU_IS_LOST' };
type Seen = readonly { readonly error: string | null }[];

/** How often the library was opened anew by each look; `marks`: what the kernel shows at each. */
async function renewals(looks: readonly Seen[], marks: readonly string[] = []): Promise<readonly number[]> {
  let at = 0;
  let count = 0;
  const renew = async (): Promise<void> => void (count += 1);
  const renewal = new Renewal({ devices: async () => looks[at] ?? [], renew }, () => marks[at] ?? '');
  const counts: number[] = [];
  for (; at < looks.length; at++) {
    await renewal.look();
    counts.push(count);
  }
  return counts;
}

describe('the library is opened anew', () => {
  it('never while the same devices are well', async () => {
    expect(await renewals([[well], [well], [well]])).toEqual([0, 0, 0]);
  });

  it('when the kernel shows others', async () => {
    expect(await renewals([[well], [well], [well]], ['a', 'a b', 'a b'])).toEqual([0, 1, 1]);
  });

  it('when a lost device is back: nobody listens to it', async () => {
    expect(await renewals([[well], [lost], [lost], [well], [well]])).toEqual([0, 0, 0, 1, 1]);
  });

  it('now and then while one is lost', async () => {
    const counts = await renewals(Array.from({ length: 25 }, () => [well, lost]));
    expect([counts[10], counts[11], counts[22], counts[23]]).toEqual([0, 1, 1, 2]);
  });
});
