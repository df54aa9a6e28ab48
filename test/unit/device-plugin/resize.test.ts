// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeDevices } from '../../../device-plugin/node-device.js';
import { Pages } from '../../../device-plugin/pages.js';
import type { PodView } from '../../../device-plugin/pod-view.js';
import { Resizes } from '../../../device-plugin/resize.js';
import { SlotStore } from '../../../device-plugin/slots.js';
import { nvidia } from '../../../src/vendors/nvidia.js';
import { decodeLimits } from '../../../src/wire/limits.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import { anOwner, aPlacement, aSlice, aSlot, GPU_A, GPU_B, twoDevices } from '../../builders/slots.js';
import { folders } from '../../fakes/folder.js';

const newFolder = folders();
const SIDES = [
  { name: 'a', kind: 'app' as const },
  { name: 'side', kind: 'sidecar' as const },
];
const both = (memory: number) => aPlacement({ a: [aSlice(GPU_A, memory)], side: [aSlice(GPU_B, 512)] });

/** A node where pod uid-1 (containers a and side) and pod uid-2 run, with real files. */
class Node {
  readonly root = newFolder();
  readonly shown = new Map<string, PodView>();
  readonly moved: string[] = [];
  readonly refused: string[] = [];
  readonly faults: unknown[] = [];
  devices: NodeDevices = twoDevices();
  isAllowed = true;
  store!: SlotStore;
  resizes!: Resizes;
  private pages!: Pages;

  async start(): Promise<void> {
    const slots = join(this.root, 'slots');
    this.store = await SlotStore.open(slots, 'nvidia.com/gpu');
    const places = { slots, cdi: join(this.root, 'cdi'), vendorCdi: [], library: '/lib' };
    this.pages = new Pages({ ...places, regions: 'disk' }, nvidia);
    this.pages.restore(this.store.bound(), this.devices, (fault) => this.faults.push(fault));
    this.resizes = new Resizes({
      ...{ store: this.store, pages: this.pages, isAllowed: this.isAllowed },
      pods: {
        isOver: (uid) => this.shown.get(uid)?.isOver === true,
        lastSeen: (uid) => this.shown.get(uid),
      },
      devices: () => this.devices,
      onMoved: ({ uid }) => void this.moved.push(uid),
      onRefused: (_pod, sentence) => void this.refused.push(sentence),
      onFault: (fault) => void this.faults.push(fault),
    });
  }

  async give(): Promise<void> {
    const owner = anOwner({ containers: SIDES, placement: both(1024) });
    const neighbour = { podUid: 'uid-2', pod: 'q', placement: aPlacement({ a: [aSlice(GPU_A, 30_000)] }) };
    const slots = [
      aSlot(1, ['1'], owner),
      aSlot(2, ['2'], { ...owner, container: 'side' }),
      aSlot(3, ['3'], anOwner(neighbour)),
    ];
    await this.store.put(slots);
    this.pages.restore(this.store.bound(), this.devices, (fault) => this.faults.push(fault));
  }

  /** The watch shows the pod with this letter. */
  letter(podUid: string, placement: Parameters<typeof encodePlacement>[0] | string, isOver = false): PodView {
    const text = typeof placement === 'string' ? placement : encodePlacement(placement);
    const named = { uid: podUid, namespace: 'default', name: podUid, node: 'n1' };
    const view: PodView = {
      ...{ ...named, isOver, placement: text },
      ...{ containers: SIDES, asking: [], running: new Map(), workload: '', ended: new Map() },
    };
    this.shown.set(podUid, view);
    return view;
  }

  memory(seq: number): number | undefined {
    const page = decodeLimits(readFileSync(this.page(seq)));
    return page.ok ? page.value.devices[0]?.memory : undefined;
  }

  recorded(seq: number): number | undefined {
    const { owner } = this.store.get(aSlot(seq, []).slot) ?? {};
    return owner?.placement.containers.find(({ name }) => name === 'a')?.slices[0]?.memory;
  }

  page(seq: number): string {
    return join(this.root, 'slots', aSlot(seq, []).slot, 'limits');
  }
}

let node: Node;

beforeEach(async () => {
  node = new Node();
  await node.start();
  await node.give();
});

describe('a placement that changed in its amounts', () => {
  it('is followed by the records of all the pod’s slots and by the page that is mapped', async () => {
    const { ino } = statSync(node.page(1));
    node.letter('uid-1', both(8192));
    await node.resizes.follow('uid-1');
    expect([node.memory(1), node.memory(2), node.recorded(1), node.recorded(2)]).toEqual([
      8192, 512, 8192, 8192,
    ]);
    expect(statSync(node.page(1)).ino).toBe(ino);
    expect(node.moved).toEqual(['uid-1']);
  });

  it('is followed after a restart, the page by the record, the record by the letter', async () => {
    node.letter('uid-1', both(8192));
    await node.resizes.follow('uid-1');
    rmSync(node.page(1));
    await node.start();
    expect([node.memory(1), node.recorded(1)]).toEqual([8192, 8192]);
    node.letter('uid-1', both(2048));
    await node.start();
    expect(node.memory(1)).toBe(8192);
    await node.resizes.follow('uid-1');
    expect([node.memory(1), node.recorded(2)]).toEqual([2048, 2048]);
  });

  it('is written once however often it is looked at', async () => {
    node.letter('uid-1', both(8192));
    await Promise.all([1, 2, 3].map(() => node.resizes.follow('uid-1')));
    expect(node.moved).toEqual(['uid-1']);
  });

  it('to more than fits here waits, told once, until a neighbour gives up', async () => {
    node.letter('uid-1', both(12_000));
    await node.resizes.follow('uid-1');
    await node.resizes.follow('uid-1');
    expect([node.memory(1), node.recorded(1), node.refused.length]).toEqual([1024, 1024, 1]);
    expect(node.refused[0]).toContain('30000 of 40960 MiB are held, 12000 more do not fit');
    node.letter('uid-2', aPlacement({ a: [aSlice(GPU_A, 20_000)] }));
    await node.resizes.follow('uid-2');
    await node.resizes.roomMade();
    expect([node.memory(3), node.memory(1)]).toEqual([20_000, 12_000]);
  });

  it('to more than fits here waits until a neighbour has ended', async () => {
    node.letter('uid-1', both(12_000));
    await node.resizes.follow('uid-1');
    node.letter('uid-2', aPlacement({ a: [aSlice(GPU_A, 30_000)] }), true);
    await node.resizes.roomMade();
    expect([node.memory(1), node.resizes.isWaiting('uid-1')]).toEqual([12_000, false]);
  });

  it('to less is followed whatever is held here', async () => {
    await node.store.put([
      aSlot(9, ['9'], anOwner({ podUid: 'uid-9', placement: aPlacement({ a: [aSlice(GPU_A, 40_000)] }) })),
    ]);
    node.letter('uid-1', both(1000));
    await node.resizes.follow('uid-1');
    expect(node.memory(1)).toBe(1000);
  });

  it('is tried again after the disk has failed', async () => {
    const record = join(node.root, 'slots', `${aSlot(1, []).slot}.json`);
    rmSync(record);
    mkdirSync(join(record, 'x'), { recursive: true });
    node.letter('uid-1', both(8192));
    await node.resizes.follow('uid-1');
    expect([node.faults.length, node.recorded(1), node.resizes.isWaiting('uid-1')]).toEqual([1, 1024, true]);
    rmSync(record, { recursive: true });
    await node.resizes.roomMade();
    expect([node.memory(1), node.resizes.isWaiting('uid-1')]).toEqual([8192, false]);
  });
});

describe('a placement that changed otherwise', () => {
  it.each<[string, Parameters<typeof encodePlacement>[0] | string]>([
    ['another device', aPlacement({ a: [aSlice(GPU_B, 2048)], side: [aSlice(GPU_B, 512)] })],
    ['one container less', aPlacement({ a: [aSlice(GPU_A, 2048)] })],
    [
      'another priority',
      aPlacement({ a: [{ ...aSlice(GPU_A, 2048), isHigh: true }], side: [aSlice(GPU_B, 512)] }),
    ],
    ['no letter at all', '{'],
  ])('by %s is no resize, and is not obeyed', async (_what, letter) => {
    expect(node.resizes.isResize(node.letter('uid-1', letter))).toBe(false);
    await node.resizes.follow('uid-1');
    expect([node.memory(1), node.moved]).toEqual([1024, []]);
  });

  it('is not obeyed at all where tenants may write placements', async () => {
    node.isAllowed = false;
    await node.start();
    expect(node.resizes.isResize(node.letter('uid-1', both(8192)))).toBe(false);
    await node.resizes.follow('uid-1');
    expect(node.memory(1)).toBe(1024);
  });
});
