// SPDX-License-Identifier: Apache-2.0
// Pods that HAMi placed, on nodes where Kerf places too: what they hold is held, and nothing is given out twice.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { canPlace, place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { PodRequest } from '../../../src/core/request.js';
import { type Follower, followPods } from '../../../src/scheduling/follow.js';
import { PodMirror } from '../../../src/scheduling/pod-mirror.js';
import type { Trouble } from '../../../src/scheduling/ports.js';
import { VENDORS } from '../../../src/vendors/index.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import { type PodView, readPodView } from '../../../src/wire/pod-view.js';
import { aDevice, anAssumption, aPlacement, aRequest, aWish, someFacts, WHOLE } from '../../builders/core.js';

const ALLOCATED = 'hami.io/vgpu-devices-allocated';

interface HamiPod {
  readonly uid?: string;
  readonly letter?: string | undefined;
  readonly count?: number;
  readonly ours?: string;
  readonly phase?: string;
  readonly inits?: readonly object[];
  readonly node?: string;
}

/** A pod as HAMi leaves it: bound by its scheduler, its letters as annotations. */
function hamiPod({ uid = 'h1', letter, count = 1, phase = 'Running', ...named }: HamiPod): PodView {
  const annotations = {
    ...(letter === undefined ? {} : { [ALLOCATED]: letter, 'hami.io/bind-phase': 'success' }),
    ...(named.ours === undefined ? {} : { 'kerf.dev/placement': named.ours }),
  };
  const asking = (name: string) => ({ name, resources: { limits: { 'nvidia.com/gpu': `${count}` } } });
  const spec = {
    schedulerName: 'hami-scheduler',
    nodeName: named.node ?? 'n1',
    initContainers: named.inits ?? [],
    containers: [asking('main')],
  };
  return readPodView(
    { metadata: { uid, namespace: 'old', name: uid, annotations }, spec, status: { phase } },
    VENDORS,
  );
}

let ledger: Ledger;
let told: Trouble[];
let watch: Follower<PodView>;

beforeEach(() => {
  ledger = new Ledger();
  told = [];
  watch = followPods({ ledger, pods: new PodMirror(), troubles: { tell: (trouble) => told.push(trouble) } });
  ledger.setNode(someFacts());
});

const view = () => ledger.node('n1')?.vendors.get('nvidia');
const hold = (index = 0) => view()?.devices[index]?.hold;
const fits = (request: PodRequest): boolean => {
  const node = ledger.node('n1');
  return node !== undefined && canPlace(preparePod(request, DEFAULT_RULES), node);
};
const on = (id: string) => ({ choice: { allowModels: [], denyModels: [], allowIds: [id], denyIds: [] } });

describe('a pod that HAMi placed', () => {
  it('holds memory, compute, a slice and a slot, until it is gone', () => {
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,8000,30:;' }));
    expect(hold()).toMatchObject({ memory: 8000, cores: 300, slices: 1, isExclusive: false });
    expect(view()?.slotsUsed).toBe(1);
    watch.onDelete(hamiPod({}));
    expect(hold()).toMatchObject({ memory: 0, slices: 0 });
    expect(view()?.slotsUsed).toBe(0);
  });

  it('holds nothing once its containers are over', () => {
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,8000,30:;' }));
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,8000,30:;', phase: 'Succeeded' }));
    expect(hold()?.slices).toBe(0);
  });

  it('holds nothing where HAMi has reserved for it and not bound it yet', () => {
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,8000,30:;', node: '' }));
    expect(hold()?.slices).toBe(0);
  });

  it.each([
    ['all its compute', 'GPU-0,NVIDIA,3000,100:;'],
    ['all its memory', 'GPU-0,NVIDIA,40960,0:;'],
    ['an instance in MIG mode', 'GPU-0[1-0],NVIDIA,9728,14:;'],
  ])('with %s has the device alone', (_what, letter) => {
    watch.onUpsert(hamiPod({ letter }));
    expect(hold()?.isExclusive).toBe(true);
    expect(fits(aRequest(aWish({ memory: 1 }), on('GPU-0')))).toBe(false);
    expect(fits(aRequest(aWish({ memory: 1 }), on('GPU-1')))).toBe(true);
  });

  it('keeps whole devices of ours off the device it has a part of', () => {
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,3000,0:;' }));
    expect(fits(aRequest(WHOLE, on('GPU-0')))).toBe(false);
    expect(fits(aRequest(aWish({ memory: 37_960 }), on('GPU-0')))).toBe(true);
    expect(fits(aRequest(aWish({ memory: 37_961 }), on('GPU-0')))).toBe(false);
  });

  it('counts an init container beside the apps by the larger of the two', () => {
    const inits = [{ name: 'prepare', resources: { limits: { 'nvidia.com/gpu': '1' } } }];
    watch.onUpsert(hamiPod({ inits, letter: 'GPU-0,NVIDIA,8000,30:;GPU-0,NVIDIA,3000,30:;' }));
    expect(hold()).toMatchObject({ memory: 8000, cores: 300, slices: 1 });
  });

  it('that carries our letter too is what ours says', () => {
    const ours = encodePlacement(aPlacement({ main: [['GPU-1', 4096]] }));
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,8000,30:;', ours }));
    expect([hold(0)?.memory, hold(1)?.memory]).toEqual([0, 4096]);
  });

  it.each([
    ['garbage', `HAMi's letter about nvidia: container 0 has "garbage": want uuid,word,MiB,percent`],
    [';', "HAMi's letter about nvidia: container main has 0 of the 1 devices it asks"],
    [undefined, "hami-scheduler bound it, and it carries no letter of HAMi's"],
  ])('with the letter %s holds the whole node, and that is told once', (letter, sentence) => {
    watch.onUpsert(hamiPod({ letter }));
    watch.onUpsert(hamiPod({ letter }));
    expect(ledger.node('n1')?.heldBy).toBe('old/h1');
    expect(fits(aRequest(aWish({ memory: 1 })))).toBe(false);
    expect(told).toEqual([{ kind: 'PlacementUnreadable', pod: 'old/h1', uid: 'h1', node: 'n1', sentence }]);
    watch.onDelete(hamiPod({}));
    expect(fits(aRequest(aWish({ memory: 1 })))).toBe(true);
  });

  it('whose letter is spoilt later holds what was known, and that is told', () => {
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,8000,30:;' }));
    watch.onUpsert(hamiPod({ letter: 'GPU-0,NVIDIA,1,1:;' }));
    expect(hold()?.memory).toBe(8000);
    expect(told.map(({ sentence }) => sentence)).toEqual(['its placement was changed after it was given']);
  });

  it('that asks for no device has no letter that counts: anybody may write one', () => {
    const raw = {
      metadata: { uid: 'x', namespace: 'a', name: 'x', annotations: { [ALLOCATED]: 'garbage' } },
      spec: { nodeName: 'n1', containers: [{ name: 'main' }] },
    };
    watch.onUpsert(readPodView(raw, VENDORS));
    expect(ledger.node('n1')?.heldBy).toBeNull();
  });
});

/** One device each, with amounts that may be all of it. */
const neighbour = fc.record({
  device: fc.nat(2),
  memory: fc.constantFrom(1000, 8000, 20_000, 40_960),
  percent: fc.constantFrom(0, 10, 50, 100),
});
const wish = fc.record({
  count: fc.integer({ min: 1, max: 3 }),
  memory: fc.oneof(fc.integer({ min: 1, max: 40_960 }), fc.constant({ kind: 'whole' as const })),
  cores: fc.constantFrom(0, 100, 500, 1000),
});
const act = fc.oneof(
  fc.record({ kind: fc.constant('ours' as const), pod: fc.nat(9), wish }),
  fc.record({ kind: fc.constant('ends' as const), pod: fc.nat(9) }),
  fc.record({ kind: fc.constant('neighbour ends' as const), pod: fc.nat(3) }),
);

describe('whatever comes and goes beside pods of HAMi', () => {
  const DEVICES = [0, 1, 2].map((index) => aDevice({ id: `GPU-${index}`, index, splits: 4 }));

  it('no device is given out beyond its size, and none that is held whole is shared', () => {
    fc.assert(
      fc.property(
        fc.array(neighbour, { maxLength: 4 }),
        fc.array(act, { maxLength: 30 }),
        (neighbours, acts) => {
          const live = new Ledger();
          live.setNode(someFacts({ devices: DEVICES }));
          const follower = followPods({ ledger: live, pods: new PodMirror(), troubles: { tell: () => {} } });
          const taken = fittingOnly(neighbours);
          for (const [index, { device, memory, percent }] of taken.entries())
            follower.onUpsert(
              hamiPod({ uid: `h${index}`, letter: `GPU-${device},NVIDIA,${memory},${percent}:;` }),
            );
          for (const each of acts) {
            if (each.kind === 'ours') bindOurs(live, `u${each.pod}`, each.wish);
            if (each.kind === 'ends') live.release(`u${each.pod}`);
            if (each.kind === 'neighbour ends') follower.onDelete(hamiPod({ uid: `h${each.pod}` }));
            expectWithinSize(live);
          }
        },
      ),
    );
  });

  function bindOurs(live: Ledger, uid: string, named: Parameters<typeof aWish>[0]): void {
    const node = live.node('n1');
    const asked = aRequest(aWish(named));
    if (node === undefined || live.holding(uid) !== undefined) return;
    const placed = place(asked, node, DEFAULT_RULES);
    if (placed.ok) live.assume(anAssumption(asked, placed.value, { uid }));
  }

  /** HAMi's own are taken to fit among themselves. */
  function fittingOnly(all: readonly { device: number; memory: number; percent: number }[]) {
    const kept: (typeof all)[number][] = [];
    for (const each of all) {
      const beside = kept.filter(({ device }) => device === each.device);
      const isWhole = ({ memory, percent }: typeof each) => memory >= 40_960 || percent >= 100;
      const total = [...beside, each].reduce((sum, { memory }) => sum + memory, 0);
      const cores = [...beside, each].reduce((sum, { percent }) => sum + percent, 0);
      const isAlone = beside.length === 0 || ![...beside, each].some(isWhole);
      if (isAlone && total <= 40_960 && cores <= 100) kept.push(each);
    }
    return kept;
  }

  function expectWithinSize(live: Ledger): void {
    const nvidia = live.node('n1')?.vendors.get('nvidia');
    expect(nvidia?.slotsUsed).toBeLessThanOrEqual(nvidia?.slots ?? 0);
    for (const { device, hold: held } of nvidia?.devices ?? []) {
      expect(held.memory).toBeLessThanOrEqual(device.memory);
      expect(held.cores).toBeLessThanOrEqual(device.cores);
      expect(held.slices).toBeLessThanOrEqual(device.splits);
      if (held.isExclusive) expect(held.slices).toBe(1);
    }
  }
});
