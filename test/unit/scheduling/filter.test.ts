// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { DEFAULT_RULES, nodePolicy } from '../../../src/core/policies.js';
import type { PodRequest } from '../../../src/core/request.js';
import { filter, SHORT_LIST } from '../../../src/scheduling/filter.js';
import { prioritize } from '../../../src/scheduling/prioritize.js';
import {
  aContainer,
  aDevice,
  aPlacement,
  aRequest,
  aSighting,
  aWish,
  someFacts,
  WHOLE,
} from '../../builders/core.js';

/** Nodes by name; the number is how many GiB of GPU-0 are held. */
function sceneOf(nodes: Record<string, number>) {
  const ledger = new Ledger();
  for (const [name, gib] of Object.entries(nodes)) {
    ledger.setNode(someFacts({ name }));
    const placement = aPlacement({ main: [['GPU-0', gib * 1024]] });
    if (gib > 0)
      ledger.confirm(aSighting({ uid: `on-${name}`, node: name, claim: { kind: 'placed', placement } }));
  }
  return { snapshot: ledger, defaults: DEFAULT_RULES };
}

const asked = (request: PodRequest, names: readonly string[], scene: ReturnType<typeof sceneOf>) =>
  filter({ ok: true, value: request }, names, scene).answer;

describe('filter', () => {
  it('names the nodes that fit, the best of the policy first', () => {
    const scene = sceneOf({ empty: 0, half: 20, little: 5 });
    expect(asked(aRequest(), ['empty', 'half', 'little'], scene).nodeNames).toEqual([
      'half',
      'little',
      'empty',
    ]);
    const spread = aRequest(aWish(), { nodePolicy: nodePolicy('spread') });
    expect(asked(spread, ['empty', 'half', 'little'], scene).nodeNames).toEqual(['empty', 'little', 'half']);
  });

  it(`names at most ${SHORT_LIST}, and puts the others in no map`, () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const scene = sceneOf(Object.fromEntries(names.map((name, index) => [name, index])));
    const answer = asked(aRequest(), names, scene);
    expect(answer.nodeNames).toEqual(names.slice(12).reverse());
    expect({ ...answer.curable, ...answer.incurable }).toEqual({});
  });

  it('keeps equals in the order offered', () => {
    const scene = sceneOf({ a: 0, b: 0, c: 0 });
    expect(asked(aRequest(), ['b', 'c', 'a'], scene).nodeNames).toEqual(['b', 'c', 'a']);
  });

  it('names only nodes it was asked about', () => {
    expect(asked(aRequest(), ['a'], sceneOf({ a: 0, b: 0 })).nodeNames).toEqual(['a']);
  });

  it('tells what eviction could cure from what it could not', () => {
    const scene = sceneOf({ full: 39, empty: 0 });
    scene.snapshot.setNode(someFacts({ name: 'full', devices: [aDevice()] }));
    scene.snapshot.setNode(someFacts({ name: 'small', devices: [aDevice({ memory: 1024 })] }));
    scene.snapshot.setNode(someFacts({ name: 'dead', slotCount: 0 }));
    const { answer, refusals } = filter(
      { ok: true, value: aRequest() },
      ['full', 'small', 'dead', 'new'],
      scene,
    );
    expect(answer).toEqual({
      nodeNames: [],
      curable: { full: 'memory short on the only device: 4096 MiB wanted, 1024 MiB free' },
      incurable: {
        small: 'too small on the only device: 4096 MiB wanted, 1024 MiB in all',
        dead: 'no device slots offered: is the device plugin running?',
        new: 'node not known to Kerf yet',
      },
    });
    expect([...refusals.values()].map(({ kind }) => kind)).toEqual([
      'NoDeviceFits',
      'NoDeviceFits',
      'NoSlots',
      'UnknownNode',
    ]);
  });

  it('offers no eviction to a pod whose own containers are in each other’s way', () => {
    const big = (name: string) => aContainer(name, 'app', aWish({ memory: 30_000, count: 2 }));
    const { curable, incurable } = asked(aRequest([big('a'), big('b')]), ['empty'], sceneOf({ empty: 0 }));
    expect(curable).toEqual({});
    expect(Object.keys(incurable)).toEqual(['empty']);
  });

  it('refuses every node of a pod it cannot read, with the sentence', () => {
    const { answer } = filter({ ok: false, error: 'x is "y": want z' }, ['a', 'b'], sceneOf({ a: 0 }));
    expect(answer).toEqual({
      nodeNames: [],
      curable: {},
      incurable: { a: 'x is "y": want z', b: 'x is "y": want z' },
    });
  });

  it('lets a pod that asks for nothing go everywhere', () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    expect(asked(aRequest([aContainer('main', 'app')]), names, sceneOf({})).nodeNames).toEqual(names);
  });

  it('changes nothing', () => {
    const scene = sceneOf({ a: 0, b: 10 });
    const before = scene.snapshot.revision;
    asked(aRequest(), ['a', 'b'], scene);
    prioritize(aRequest(), ['a', 'b'], scene);
    expect(scene.snapshot.revision).toBe(before);
  });
});

describe('prioritize', () => {
  const scores = (request: PodRequest, nodes: Record<string, number>) =>
    Object.fromEntries(
      prioritize(request, Object.keys(nodes), sceneOf(nodes)).map(({ node, score }) => [node, score]),
    );

  it('likes the fuller node under binpack, the request counted in', () => {
    expect(scores(aRequest(), { empty: 0, half: 18, full: 36 })).toMatchObject({ empty: 0, full: 10 });
    expect(scores(aRequest({ ...WHOLE, count: 2 }), { empty: 0 })).toEqual({ empty: 10 });
  });

  it('likes the emptier under spread', () => {
    expect(scores(aRequest(aWish(), { nodePolicy: nodePolicy('spread') }), { empty: 0, full: 36 })).toEqual({
      empty: 10,
      full: 0,
    });
  });

  it('weighs a share by the memory of the node’s devices', () => {
    const half = aRequest(aWish({ memory: { kind: 'share', permille: 500 } }));
    const fixed = aRequest(aWish({ memory: 20_480 }));
    const nodes = { n: 0, m: 8, o: 30 };
    expect(scores(half, nodes)).toEqual(scores(fixed, nodes));
  });

  it('likes a node that is gone least', () => {
    expect(prioritize(aRequest(), ['gone'], sceneOf({}))).toEqual([{ node: 'gone', score: 0 }]);
  });
});
