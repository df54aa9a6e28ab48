// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { idAt, idsOf } from '../../../device-plugin/ids.js';
import { aNodeDevice, anOwner, aPlacement, aSlice, aSlot, GPU_A, GPU_B } from '../../builders/slots.js';

const well = aNodeDevice({ splits: 3 });
const sick = aNodeDevice({ id: GPU_B, index: 1, splits: 3, isHealthy: false });
const healthOf = (ids: ReturnType<typeof idsOf>): string =>
  ids.map(({ isHealthy }) => (isHealthy ? '+' : '-')).join('');
const on = (deviceId: string) => anOwner({ placement: aPlacement({ a: [aSlice(deviceId)] }) });

describe('ids', () => {
  it('are named from slot-0001 on, as many as all devices carry', () => {
    expect(idsOf({ devices: [well, sick], slots: [], slotsPerDevice: 1 }).map(({ id }) => id)).toEqual(
      [0, 1, 2, 3, 4, 5].map(idAt),
    );
    expect(idAt(0)).toBe('slot-0001');
    expect(idAt(12_344)).toBe('slot-12345');
  });

  it.each([
    ['all free, all devices well', [well, { ...sick, isHealthy: true }], [], '++++++'],
    ['free ids are healthy as far as healthy devices go', [well, sick], [], '+++---'],
    ['an id claimed on the sick device is sick', [well, sick], [aSlot(1, [idAt(0)], on(GPU_B))], '-+++--'],
    ['an id claimed on the well device is well', [well, sick], [aSlot(1, [idAt(5)], on(GPU_A))], '++---+'],
    ['an id given and not yet started in counts as free', [well, sick], [aSlot(1, [idAt(5)])], '+++---'],
    [
      'of two claims the later one tells',
      [well, sick],
      [aSlot(1, [idAt(0)], on(GPU_B)), aSlot(2, [idAt(0)], on(GPU_A))],
      '+++---',
    ],
    ['a device that is unknown is not well', [well], [aSlot(1, [idAt(0)], on('GPU-x'))], '-++'],
    ['an id in which a pod runs stays when a device left', [well], [aSlot(1, [idAt(4)], on(GPU_A))], '++-+'],
    ['no device, no id', [], [], ''],
  ])('%s', (_, devices, slots, health) => {
    expect(healthOf(idsOf({ devices, slots, slotsPerDevice: 1 }))).toBe(health);
  });

  it.each([
    ['more slots than splits are offered where asked', [well], 5, '+++++'],
    ['fewer than splits never', [well], 2, '+++'],
    ['a device that carries nothing offers nothing', [{ ...well, splits: 0 }], 5, ''],
    ['of a sick device as many are sick', [well, sick], 4, '++++----'],
  ])('%s', (_, devices, slotsPerDevice, health) => {
    expect(healthOf(idsOf({ devices, slots: [], slotsPerDevice }))).toBe(health);
  });
});
