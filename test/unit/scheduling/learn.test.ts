// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { LivePacking } from '../../../src/core/packing/live.js';
import { ok } from '../../../src/core/result.js';
import { followPods } from '../../../src/scheduling/follow.js';
import { learnOfAll } from '../../../src/scheduling/learn.js';
import { PodMirror } from '../../../src/scheduling/pod-mirror.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import { aPlacement, aRequest, someFacts } from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';

function aCluster() {
  const ledger = new Ledger();
  ledger.setNode(someFacts({ cpuMilli: 8000 }));
  ledger.setNode(someFacts({ name: 'bare', devices: [] }));
  const pods = new PodMirror();
  const packing = new LivePacking(() => ledger.allNodes());
  const options = { ledger, pods, packing, troubles: { tell: () => undefined } };
  const seen = (): readonly (readonly [number, number])[] => {
    packing.settle();
    return packing.look.asked.map(({ asked, count }) => [asked.cpuMilli, count]);
  };
  return { options, packing, follower: followPods(options), seen };
}

const asking = (uid: string, named = {}) => aPodView(aRequest(), { uid, cpuMilli: 4000, ...named });
const placement = encodePlacement(aPlacement({ main: [['GPU-0', 4096]] }));
const bystander = (uid: string, named = {}) =>
  aPodView(aRequest([]), {
    ...{ uid, nodeName: 'n1', cpuMilli: 500, asksForDevices: false, request: ok(aRequest([])) },
    ...named,
  });

describe('what the watch tells packing', () => {
  it('is each pod once, however often it is seen', () => {
    const { packing, follower, seen } = aCluster();
    packing.begin([]);
    follower.onUpsert(asking('u1'));
    follower.onUpsert(asking('u1', { nodeName: 'n1', placement }));
    follower.onReplace([asking('u1', { nodeName: 'n1', placement })]);
    follower.onUpsert(asking('u2'));
    expect(seen()).toEqual([[4000, 2]]);
  });

  it.each([
    ['beside devices', {}, [[500, 1]]],
    ['on a node without devices', { nodeName: 'bare' }, []],
    ['on a node nobody knows', { nodeName: 'n9' }, []],
    ['without a node yet', { nodeName: '' }, []],
    ['of a DaemonSet', { isOfNode: true }, []],
    ['that is over', { isOver: true }, []],
  ])('of a pod that asks for CPU alone: %s', (_, named, counts) => {
    const { packing, follower, seen } = aCluster();
    packing.begin([]);
    follower.onUpsert(bystander('u1', named));
    follower.onUpsert(bystander('u1', named));
    expect(seen()).toEqual(counts);
  });

  it('is what was there already, once all is listed', () => {
    const { options, follower, seen } = aCluster();
    follower.onReplace([asking('u1'), bystander('u2'), bystander('u3', { nodeName: 'bare' })]);
    expect(seen()).toEqual([]);
    learnOfAll(options);
    expect(seen()).toEqual([
      [4000, 1],
      [500, 1],
    ]);
  });

  it('is also who left: pods that held something, by whatever way they went', () => {
    const { packing, follower } = aCluster();
    packing.begin([]);
    const bound = { nodeName: 'n1', placement };
    for (const uid of ['a', 'b', 'c']) follower.onUpsert(asking(uid, bound));
    follower.onUpsert(bystander('d'));
    follower.onUpsert(asking('pending'));
    follower.onDelete(asking('a', bound));
    follower.onUpsert(asking('b', { ...bound, isOver: true }));
    follower.onDelete(asking('b', { ...bound, isOver: true }));
    follower.onReplace([bystander('d'), asking('pending')]);
    follower.onDelete(bystander('d'));
    follower.onDelete(asking('pending'));
    // The next looks are at the fifth pod and at the eighth: four left since the one before.
    for (const uid of ['e', 'f', 'g']) follower.onUpsert(asking(uid));
    packing.settle();
    expect(packing.look.turnover).toBeCloseTo(4 / 3);
  });
});
