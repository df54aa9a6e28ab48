// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { canPlace, place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import { ANY_DEVICE, type PodRequest } from '../../../src/core/request.js';
import { type Change, smallestChanges } from '../../../src/scheduling/change.js';
import { finish } from '../../../src/scheduling/steps.js';
import {
  aContainer,
  aDevice,
  anAssumption,
  aPlacement,
  aRequest,
  aSighting,
  aWish,
  someFacts,
  WHOLE,
} from '../../builders/core.js';

let ledger: Ledger;
const defaults = DEFAULT_RULES;

beforeEach(() => {
  ledger = new Ledger();
  ledger.setNode(someFacts({ devices: [aDevice()] }));
});

const changes = (request: PodRequest, of = ledger): readonly Change[] =>
  finish(smallestChanges(request, { snapshot: of, defaults }, of.allHoldings()));
const texts = (request: PodRequest): readonly string[] => changes(request).map(({ text }) => text);

function hold(pod: string, memory: number, cores = 0): void {
  const claim = {
    kind: 'placed',
    placement: aPlacement({ main: [['GPU-0', memory, cores]] }),
  } as const;
  ledger.confirm(aSighting({ uid: pod, pod, claim }));
}

const fitsIn = (request: PodRequest, of: Ledger): boolean => {
  const prepared = preparePod(request, defaults);
  return [...of.allNodes()].some((node) => canPlace(prepared, node));
};

describe('the smallest change', () => {
  it('is none where the pod fits', () => expect(texts(aRequest())).toEqual([]));

  it('is the most memory that fits, or the end of the pod that holds least of those that suffice', () => {
    hold('a/small', 1000);
    hold('a/middle', 10_000);
    hold('a/large', 20_000);
    expect(texts(aRequest(aWish({ memory: 16_384 })))).toEqual([
      'with memory ≤ 9960 MiB a device',
      'after a/middle ends',
    ]);
  });

  it('is the most compute that fits', () => {
    hold('a/p', 1000, 705);
    expect(texts(aRequest(aWish({ cores: 500 })))).toEqual(['with cores ≤ 29 %', 'after a/p ends']);
  });

  it('is best effort where no compute is left', () => {
    hold('a/p', 1000, 999);
    expect(texts(aRequest(aWish({ cores: 10 })))[0]).toBe('with best-effort compute (no cores asked)');
  });

  it('is both where neither alone helps', () => {
    hold('a/p', 20_480, 600);
    expect(texts(aRequest(aWish({ memory: 30_720, cores: 500 })))).toEqual([
      'with memory ≤ 20 GiB a device and cores ≤ 40 %',
      'after a/p ends',
    ]);
  });

  it('is a part where a whole device is wanted and none is empty', () => {
    hold('a/p', 8192);
    expect(texts(aRequest(WHOLE))).toEqual([
      'with a part of a device: memory ≤ 32 GiB a device',
      'after a/p ends',
    ]);
  });

  it('is a smaller share', () => {
    hold('a/p', 20_480);
    expect(texts(aRequest(aWish({ memory: { kind: 'share', permille: 800 } })))[0]).toBe(
      'with memory ≤ 50 % of a device',
    );
  });

  it('is fewer devices', () =>
    expect(texts(aRequest(aWish({ count: 3 })))).toEqual(['with 1 device a container']));

  it.each([
    [{ ...ANY_DEVICE, allowModels: ['H200'] }, ['without kerf.dev/device-type']],
    [{ ...ANY_DEVICE, denyModels: ['A100'] }, ['without kerf.dev/device-type-not']],
    [{ ...ANY_DEVICE, allowIds: ['GPU-7'] }, ['without kerf.dev/device-uuid']],
    [
      { ...ANY_DEVICE, allowModels: ['H200'], denyIds: ['GPU-0'] },
      ['without kerf.dev/device-type, kerf.dev/device-uuid-not'],
    ],
  ])('is an annotation less: %j', (choice, want) => {
    expect(texts(aRequest(aWish(), { choice }))).toEqual(want);
  });

  it('fits where sidecars and init containers stand beside each other too', () => {
    ledger.setNode(
      someFacts({
        devices: [
          aDevice({ id: 'GPU-0', memory: 10_000 }),
          aDevice({ id: 'GPU-1', index: 1, memory: 10_000 }),
          aDevice({ id: 'GPU-2', index: 2, memory: 10_000 }),
        ],
      }),
    );
    const found = changes(
      aRequest([
        aContainer('side', 'sidecar', aWish({ memory: 1000 })),
        aContainer('init', 'init', aWish({ memory: 9500, count: 3 })),
      ]),
    );
    expect(found.map(({ kind }) => kind)).toEqual(['memory', 'devices']);
    for (const { request } of found) expect(fitsIn(request, ledger)).toBe(true);
  });

  it('names nobody where no single end would do', () => {
    hold('a/p', 16_000);
    hold('a/q', 16_000);
    expect(changes(aRequest(WHOLE)).map(({ kind }) => kind)).toEqual(['memory']);
  });

  it('names the pod whose placement nobody can read', () => {
    ledger.confirm(aSighting({ uid: 'odd', pod: 'a/odd', claim: { kind: 'unreadable', detail: 'x' } }));
    expect(texts(aRequest())).toEqual(['after a/odd ends']);
  });
});

const wish = fc.record({
  memory: fc.oneof(fc.integer({ min: 1, max: 60_000 }), fc.constant({ kind: 'whole' } as const)),
  cores: fc.integer({ min: 0, max: 100 }).map((percent) => percent * 10),
  count: fc.integer({ min: 1, max: 3 }),
});
const choice = fc.constantFrom(ANY_DEVICE, { ...ANY_DEVICE, allowModels: ['H200'] }, ANY_DEVICE);

interface Crowded {
  readonly crowd: readonly Parameters<typeof aWish>[0][];
  readonly full: Ledger;
}

/** Two nodes of unlike devices, filled by the engine itself. */
const crowded = fc.array(wish, { maxLength: 12 }).map((crowd): Crowded => {
  const full = new Ledger();
  full.setNode(someFacts({ name: 'n1' }));
  full.setNode(
    someFacts({ name: 'n2', slotCount: 4, devices: [aDevice({ id: 'GPU-9', model: 'H200', splits: 3 })] }),
  );
  for (const [index, one] of crowd.entries()) fill(full, aRequest(aWish(one)), `a/p${index}`);
  return { crowd, full };
});

function fill(full: Ledger, request: PodRequest, pod: string): void {
  for (const node of full.allNodes()) {
    const placed = place(request, node, defaults);
    if (!placed.ok) continue;
    full.assume(anAssumption(request, placed.value, { uid: pod, pod, node: node.name }));
    return;
  }
}

describe('every change', () => {
  it('fits with it, asked of another ledger, and not without it', () => {
    fc.assert(
      fc.property(crowded, fc.array(wish, { minLength: 1, maxLength: 2 }), choice, (of, wishes, wanted) => {
        const containers = wishes.map((one, index) => aContainer(`c${index}`, 'app', aWish(one)));
        const request = aRequest(containers, { choice: wanted });
        const before = JSON.stringify([...of.full.allHoldings()]);
        const found = changes(request, of.full);
        if (fitsIn(request, of.full)) expect(found).toEqual([]);
        for (const change of found) expect(holdsTrue(change, of.full)).toBe(true);
        expect(JSON.stringify([...of.full.allHoldings()])).toBe(before);
      }),
      { numRuns: 150 },
    );
  });
});

/** Told by the engine again, in a ledger the search did not touch. */
function holdsTrue({ kind, uid = '', request, node }: Change, full: Ledger): boolean {
  const again = new Ledger();
  for (const name of ['n1', 'n2']) {
    if (name === 'n1') again.setNode(someFacts({ name }));
    else
      again.setNode(
        someFacts({ name, slotCount: 4, devices: [aDevice({ id: 'GPU-9', model: 'H200', splits: 3 })] }),
      );
  }
  for (const holding of full.allHoldings()) if (kind !== 'end' || holding.uid !== uid) again.confirm(holding);
  const there = again.node(node);
  return there !== undefined && place(request, there, defaults).ok;
}
