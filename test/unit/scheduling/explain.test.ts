// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { explain } from '../../../src/scheduling/explain.js';
import {
  aDevice,
  anAssumption,
  aPlacement,
  aRequest,
  aSighting,
  aWish,
  someFacts,
} from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';

let ledger: Ledger;
const defaults = DEFAULT_RULES;
const of = (pod = aPodView(), holding = ledger.holding(pod.uid)) =>
  explain(pod, holding, { snapshot: ledger, defaults });

beforeEach(() => {
  ledger = new Ledger();
  ledger.setNode(
    someFacts({
      devices: [aDevice(), aDevice({ id: 'GPU-1', index: 1, isHealthy: false, reason: 'Xid 79' })],
    }),
  );
});

const big = aPodView(aRequest(aWish({ memory: 50_000 })));

describe('explain', () => {
  it('tells of a pending pod per node and device why not, and what would cure it', () => {
    expect(of(big)).toEqual({
      pod: 'default/p1',
      uid: 'u1',
      revision: ledger.revision,
      state: 'pending',
      text: 'no node can hold it',
      summary: [
        {
          text: 'no device fits: 1 too small: 50000 MiB wanted, 40960 MiB in all, 1 unhealthy',
          curable: 'never',
          nodes: 1,
        },
      ],
      changes: [{ kind: 'memory', text: 'with memory ≤ 40 GiB a device', node: 'n1' }],
      nodes: [
        {
          node: 'n1',
          fits: false,
          kind: 'NoDeviceFits',
          curable: 'never',
          text: 'no device fits: 1 too small: 50000 MiB wanted, 40960 MiB in all, 1 unhealthy',
          devices: [
            expect.objectContaining({
              id: 'GPU-0',
              fits: false,
              kind: 'TooSmall',
              freeMiB: 40_960,
              freeCorePercent: 100,
              freeSlices: 10,
            }),
            expect.objectContaining({
              id: 'GPU-1',
              fits: false,
              kind: 'Unhealthy',
              text: 'unhealthy: Xid 79',
            }),
          ],
        },
      ],
    });
  });

  it('counts equal reasons, most frequent first', () => {
    ledger.setNode(someFacts({ name: 'n2', slotCount: 0 }));
    ledger.setNode(someFacts({ name: 'n3', slotCount: 0 }));
    expect(of(big).summary?.map(({ text, nodes }) => `${nodes} ${text.slice(0, 15)}`)).toEqual([
      '2 no device slots',
      '1 no device fits:',
    ]);
  });

  it('names who is in the way', () => {
    ledger.confirm(aSighting({ uid: 'odd', pod: 'team/odd', claim: { kind: 'unreadable', detail: 'x' } }));
    expect(of(big).nodes?.[0]).toMatchObject({ kind: 'HeldByUnreadablePlacement', by: 'team/odd' });
  });

  it('tells of a pending pod that would fit that it would', () => {
    expect(of()).toMatchObject({
      state: 'pending',
      text: '1 of 1 nodes can hold it',
      nodes: [{ node: 'n1', fits: true }],
    });
  });

  it('says where a placed pod sits', () => {
    ledger.confirm(
      aSighting({ claim: { kind: 'placed', placement: aPlacement({ main: [['GPU-0', 4096, 305]] }) } }),
    );
    expect(of()).toMatchObject({
      state: 'placed',
      node: 'n1',
      text: 'placed on node n1',
      containers: [{ name: 'main', slices: [{ device: 'GPU-0', memoryMiB: 4096, corePercent: 30.5 }] }],
    });
  });

  it('says of a placed pod when nothing holds its slices', () => {
    ledger.setNode(someFacts({ devices: [aDevice({ vendor: 'amd' })] }));
    ledger.confirm(
      aSighting({ claim: { kind: 'placed', placement: aPlacement({ main: [['GPU-0', 4096, 305]] }) } }),
    );
    expect(of().text).toBe(
      'placed on node n1; enforcement of AMD GPU is off: its slices are accounted, and held by nothing',
    );
  });

  it.each([
    [
      'a binding under way',
      () => ledger.assume(anAssumption(aRequest(), aPlacement({}))),
      'binding',
      'placed on node n1',
    ],
    [
      'a pod bound by hand',
      () => ledger.confirm(aSighting({ claim: { kind: 'none' } })),
      'placed',
      'bound without a placement: its containers are not started with a device',
    ],
    [
      'a placement nobody can read',
      () => ledger.confirm(aSighting({ claim: { kind: 'unreadable', detail: 'no JSON' } })),
      'placed',
      'holds the whole node: no JSON',
    ],
  ])('tells of %s', (_title, ...[arrange, state, text]) => {
    arrange();
    expect(of()).toMatchObject({ state, text, node: 'n1' });
  });

  it('tells of a pod whose containers have ended that it holds nothing', () => {
    expect(of(aPodView(aRequest(), { isOver: true })).state).toBe('over');
  });

  it('tells of a wish that cannot be read in its sentence', () => {
    expect(of(aPodView(aRequest(), { request: { ok: false, error: 'x is "y": want z' } }))).toMatchObject({
      state: 'pending',
      text: 'x is "y": want z',
    });
  });
});
