// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { NodeView } from '../../../src/core/node.js';
import { canPlace, place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import { ANY_DEVICE, type PodRequest, type SliceRequest } from '../../../src/core/request.js';
import { aContainer, aDevice, aNode, aRequest, aWish, WHOLE } from '../../builders/core.js';

const four = [0, 1, 2, 3].map((index) => aDevice({ id: `GPU-${index}`, index }));

/** container → device ids; or the kind of refusal. */
function placed(request: PodRequest, node: NodeView): Record<string, string[]> | string {
  const answer = place(request, node, DEFAULT_RULES);
  // canPlace is place without its answer: they may never differ.
  expect(canPlace(preparePod(request, DEFAULT_RULES), node)).toBe(answer.ok);
  if (!answer.ok) return answer.error.kind;
  return Object.fromEntries(
    answer.value.containers.map(({ name, slices }) => [name, slices.map(({ deviceId }) => deviceId)]),
  );
}

const app = (name: string, ...slices: readonly SliceRequest[]) => aContainer(name, 'app', ...slices);
const init = (name: string, ...slices: readonly SliceRequest[]) => aContainer(name, 'init', ...slices);
const sidecar = (name: string, ...slices: readonly SliceRequest[]) => aContainer(name, 'sidecar', ...slices);

describe('place on one container', () => {
  const busy = aNode(
    { devices: four },
    { 'GPU-1': { memory: 10_000, slices: 1 }, 'GPU-2': { memory: 20_000, slices: 2 } },
  );
  const rows: [string, PodRequest, NodeView, Record<string, string[]> | string][] = [
    ['fills the fullest device that fits, by default', aRequest(), busy, { main: ['GPU-2'] }],
    [
      'fills the emptiest when the pod says spread',
      aRequest(aWish(), { devicePolicy: ['spread'] }),
      busy,
      { main: ['GPU-0'] },
    ],
    [
      'goes to the next where the fullest has no room',
      aRequest(aWish({ memory: 25_000 })),
      busy,
      { main: ['GPU-1'] },
    ],
    ['takes distinct devices', aRequest(aWish({ count: 3 })), busy, { main: ['GPU-2', 'GPU-1', 'GPU-0'] }],
    [
      'gives whole devices only where nobody is',
      aRequest({ ...WHOLE, count: 2 }),
      busy,
      { main: ['GPU-0', 'GPU-3'] },
    ],
    ['refuses more devices than there are', aRequest(aWish({ count: 5 })), busy, 'TooFewDevices'],
    ['refuses more whole devices than are empty', aRequest({ ...WHOLE, count: 3 }), busy, 'NoDeviceFits'],
    ['asks for nothing of a pod that asks for nothing', aRequest([app('a')]), busy, {}],
  ];
  it.each(rows)('%s', (_title, ...[request, node, want]) => {
    expect(placed(request, node)).toEqual(want);
  });
});

describe('place on a whole node', () => {
  const two = aRequest(aWish({ count: 2 }));
  const elsewhere = aRequest(aWish({ vendor: 'another' }));
  const initOnly = aRequest([init('i', aWish()), app('a')]);
  const rows: [string, PodRequest, NodeView, string][] = [
    ['has no devices of that vendor', elsewhere, aNode(), 'NoDevices'],
    ['has an empty inventory', aRequest(), aNode({ devices: [] }), 'NoDevices'],
    [
      'has an inventory nobody can read',
      aRequest(),
      aNode({ devices: [], unreadable: new Map([['nvidia', 'bad']]) }),
      'InventoryUnreadable',
    ],
    ['offers no slots', aRequest(), aNode({ slotCount: 0 }), 'NoSlots'],
    ['offers too few slots', two, aNode({ slotCount: 1 }), 'SlotsShort'],
    [
      'is held by a placement nobody can read',
      aRequest(),
      { ...aNode(), heldBy: 'ns/p' },
      'HeldByUnreadablePlacement',
    ],
    [
      'starts another pod of init containers alone',
      initOnly,
      { ...aNode(), initOnly: 'ns/p' },
      'InitOnlyInFlight',
    ],
  ];
  it.each(rows)('%s', (_title, ...[request, node, kind]) => {
    expect(placed(request, node)).toBe(kind);
  });

  it('takes an everyday pod while a pod of init containers alone starts', () => {
    expect(placed(aRequest(), { ...aNode(), initOnly: 'ns/p' })).toEqual({ main: ['GPU-0'] });
  });

  it('tells per device why none fits', () => {
    const node = aNode(
      {},
      { 'GPU-0': { memory: 40_000, slices: 1 }, 'GPU-1': { slices: 1, isExclusive: true } },
    );
    expect(place(aRequest(), node, DEFAULT_RULES)).toMatchObject({
      ok: false,
      error: {
        kind: 'NoDeviceFits',
        fit: 0,
        want: 1,
        devices: { 'GPU-0': { kind: 'MemoryShort', free: 960 }, 'GPU-1': { kind: 'HeldExclusively' } },
      },
    });
  });
});

describe('place counts containers as the kubelet runs them', () => {
  const one = aNode({ devices: [aDevice()] });
  const gib = (memory: number) => aWish({ memory: memory * 1024 });
  const rows: [string, PodRequest, Record<string, string[]> | string][] = [
    [
      'apps add up to what there is',
      aRequest([app('a', gib(20)), app('b', gib(20))]),
      { a: ['GPU-0'], b: ['GPU-0'] },
    ],
    ['and not beyond', aRequest([app('a', gib(20)), app('b', gib(21))]), 'NoDeviceFits'],
    [
      'an init container lends its room to the apps',
      aRequest([init('i', gib(40)), app('a', gib(40))]),
      { i: ['GPU-0'], a: ['GPU-0'] },
    ],
    [
      'init containers lend it to each other',
      aRequest([init('i', gib(40)), init('j', gib(40))]),
      { i: ['GPU-0'], j: ['GPU-0'] },
    ],
    ['a sidecar stays beside the apps', aRequest([sidecar('s', gib(20)), app('a', gib(21))]), 'NoDeviceFits'],
    [
      'an init container stands beside earlier sidecars',
      aRequest([sidecar('s', gib(20)), init('i', gib(21))]),
      'NoDeviceFits',
    ],
    [
      'and not beside later ones',
      aRequest([init('i', gib(40)), sidecar('s', gib(20))]),
      { i: ['GPU-0'], s: ['GPU-0'] },
    ],
    [
      'a whole device is not shared within a pod',
      aRequest([app('a', WHOLE), app('b', gib(1))]),
      'NoDeviceFits',
    ],
    [
      'but may be had before the apps start',
      aRequest([init('i', WHOLE), app('b', gib(1))]),
      { i: ['GPU-0'], b: ['GPU-0'] },
    ],
  ];
  it.each(rows)('%s', (_title, request, want) => {
    expect(placed(request, one)).toEqual(want);
  });

  it('lets an app sit where its init container has paid already', () => {
    const node = aNode({ devices: four }, { 'GPU-3': { memory: 8192, slices: 1 } });
    const request = aRequest([init('i', gib(36)), app('a', gib(4))]);
    expect(placed(request, node)).toEqual({ i: ['GPU-0'], a: ['GPU-0'] });
  });

  it('tries the largest first where the order written leaves no room', () => {
    const node = aNode({}, { 'GPU-0': { memory: 30_720, slices: 1 } });
    const request = aRequest([app('small', gib(10)), app('large', gib(40))], { devicePolicy: ['spread'] });
    expect(placed(request, node)).toEqual({ small: ['GPU-0'], large: ['GPU-1'] });
  });

  it('keeps the pod’s choice of devices for every container', () => {
    const choice = { ...ANY_DEVICE, denyIds: ['GPU-0', 'GPU-1', 'GPU-2'] };
    const request = aRequest([init('i', gib(1)), app('a', gib(1))], { choice });
    expect(placed(request, aNode({ devices: four }))).toEqual({ i: ['GPU-3'], a: ['GPU-3'] });
  });
});
