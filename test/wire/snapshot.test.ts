// SPDX-License-Identifier: Apache-2.0
// The snapshot letter, both ways. Files of it lie on people's disks: a golden file is not changed, one is added.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPolicyValue } from '../../src/adapters/policy/read.js';
import { Ledger } from '../../src/core/ledger.js';
import { askedOf, cpuOnly } from '../../src/core/packing/asked.js';
import { LivePacking } from '../../src/core/packing/live.js';
import { overcommitted } from '../../src/core/overcommit.js';
import { nodePolicy, type PlacingRules } from '../../src/core/policies.js';
import { preparePod } from '../../src/core/prepared.js';
import { ANY_DEVICE } from '../../src/core/request.js';
import { likeNode } from '../../src/core/score.js';
import { ledgerOf } from '../../src/scheduling/replay.js';
import { encodeSnapshot } from '../../src/wire/snapshot.js';
import { decodeSnapshot } from '../../src/wire/snapshot-read.js';
import {
  aDevice,
  anAssumption,
  aPlacement,
  aRequest,
  aSighting,
  aWish,
  someFacts,
  WHOLE,
} from '../builders/core.js';

const golden = readFileSync(new URL('golden/snapshot-v2.json', import.meta.url), 'utf8');
const defaults = { nodePolicy: nodePolicy('binpack'), devicePolicy: ['spread'] } as const;
const written = (snapshot: Ledger): string =>
  JSON.stringify(encodeSnapshot({ snapshot, defaults }, snapshot.allHoldings()), null, 2);

const read = (text: string) => decodeSnapshot(text, readPolicyValue);

function everything(): Ledger {
  const ledger = new Ledger();
  const sick = aDevice({ id: 'GPU-1', index: 1, isHealthy: false, reason: 'Xid 79', numa: 1 });
  ledger.setNode(someFacts({ devices: [aDevice(), sick], cordoned: new Set(['GPU-1']) }));
  ledger.setNode(someFacts({ name: 'n2', devices: [], unreadable: new Map([['nvidia', 'no JSON']]) }));
  ledger.setNode(someFacts({ name: 'n3', devices: [aDevice({ id: 'GPU-2' })] }));
  ledger.confirm(
    aSighting({
      containers: [
        { name: 'prepare', kind: 'init' },
        { name: 'main', kind: 'app' },
      ],
      claim: {
        kind: 'placed',
        placement: aPlacement({ prepare: [['GPU-0', 8192]], main: [['GPU-0', 4096, 305]] }),
      },
    }),
  );
  ledger.confirm(
    aSighting({ uid: 'u2', pod: 'a/odd', node: 'n3', claim: { kind: 'unreadable', detail: 'x' } }),
  );
  ledger.confirm(aSighting({ uid: 'u3', pod: 'a/none', node: 'n3', claim: { kind: 'none' } }));
  ledger.assume(
    anAssumption(aRequest(), aPlacement({ main: [['GPU-0', 1000]] }), {
      uid: 'u4',
      pod: 'a/new',
      isInitOnly: true,
    }),
  );
  return ledger;
}

describe('the snapshot letter', () => {
  it('is written as in the golden file', () => expect(`${written(everything())}\n`).toBe(golden));

  it('read back and filled into a ledger shows the same nodes', () => {
    const recorded = read(golden);
    expect(recorded).toMatchObject({ ok: true, value: { revision: everything().revision, defaults } });
    const views = (ledger: Ledger) =>
      [...ledger.allNodes()].map((view) => ({ ...view, revision: 0, kind: '' }));
    if (recorded.ok) expect(views(ledgerOf(recorded.value))).toEqual(views(everything()));
  });

  it('tells CPU, also of pods that ask for no device', () => {
    const ledger = new Ledger();
    ledger.setNode(someFacts({ cpuMilli: 64_000 }));
    ledger.confirm(aSighting({ cpuMilli: 4000 }));
    ledger.stand('u8', { node: 'n1', cpuMilli: 1500, isOfNode: false });
    ledger.stand('u9', { node: 'n1', cpuMilli: 250, isOfNode: true });
    const recorded = read(written(ledger));
    const again = recorded.ok ? ledgerOf(recorded.value) : new Ledger();
    const cpu = { allocatable: 63_750, held: 5500 };
    expect([ledger, again].map((each) => each.node('n1')?.cpu)).toEqual([cpu, cpu]);
  });

  it('carries the policy document, and what is there of devices of which more may be given out', () => {
    const policy = {
      version: 1,
      rules: [{ match: { namespaces: ['team-*'] }, node: 'spread' }],
      overcommit: [{ nodes: {}, memory: 1.5, splits: 20 }],
    } as const;
    const ledger = new Ledger();
    ledger.setNode(overcommitted(someFacts({ devices: [aDevice()] }), policy.overcommit));
    const text = JSON.stringify(encodeSnapshot({ snapshot: ledger, defaults, policy }, []));
    const recorded = read(text);
    expect(recorded).toMatchObject({ ok: true, value: { policy } });
    const physical = { memory: 40_960, cores: 1000, splits: 10 };
    const again = recorded.ok ? ledgerOf(recorded.value) : new Ledger();
    for (const each of [ledger, again])
      expect(each.node('n1')?.vendors.get('nvidia')?.devices).toMatchObject([
        { device: { memory: 61_440, cores: 1000, splits: 20, physical } },
      ]);
  });

  it('keeps how devices are linked', () => {
    const links = new Map([['nvidia', { size: 2, weight: [0, 1200, 1200, 0] }]]);
    const ledger = new Ledger();
    ledger.setNode(someFacts({ links }));
    const text = written(ledger);
    expect(JSON.parse(text)).toMatchObject({ nodes: [{ vendors: { nvidia: { links: [['NV12']] } } }] });
    expect(read(text)).toMatchObject({ ok: true, value: { nodes: [{ links }] } });
    expect(read(text.replace('NV12', 'fast'))).toMatchObject({ ok: false });
  });

  it('tells what packing has learned, so that nodes are liked as they were', () => {
    const ledger = new Ledger();
    ledger.setNode(someFacts({ cpuMilli: 64_000 }));
    ledger.setNode(someFacts({ name: 'n2', cpuMilli: 64_000 }));
    ledger.confirm(aSighting({ cpuMilli: 4000 }));
    const packing = new LivePacking(() => ledger.allNodes());
    const odd = { ...ANY_DEVICE, allowModels: ['A100'], denyModels: ['T4'] };
    const asked = [aRequest(), aRequest(WHOLE, { choice: odd }), aRequest(aWish({ cores: 300 }))];
    packing.begin([...asked.map((request) => askedOf(request, 4000)), cpuOnly(500)]);
    packing.settle();
    const packed = {
      nodePolicy: nodePolicy('fragmentation'),
      devicePolicy: ['fragmentation'],
      packing,
    } as const;
    const letter = encodeSnapshot({ snapshot: ledger, defaults: packed }, ledger.allHoldings());
    const recorded = read(JSON.stringify(letter));
    if (!recorded.ok) throw new Error(recorded.error);
    expect(recorded.value.defaults.packing.look).toEqual(packing.look);
    const likes = (rules: PlacingRules, of: Ledger): readonly number[] =>
      asked.flatMap((request) =>
        [...of.allNodes()].map((node) => likeNode(preparePod({ ...request, cpuMilli: 2000 }, rules), node)),
      );
    const before = likes(packed, ledger);
    expect(likes(recorded.value.defaults, ledgerOf(recorded.value))).toEqual(before);
    expect(new Set(before).size).toBeGreaterThan(1);
  });

  it.each([
    ['', 'the snapshot is not a JSON object'],
    [golden.replace('"v": 2', '"v": 1'), 'the snapshot has version 1, not 2'],
    [golden.replace('"devicePolicy": "spread"', '"devicePolicy": "toString"'), 'defaults.devicePolicy is'],
    [
      golden.replace('"devicePolicy": "spread"', '"devicePolicy": "spread", "demand": {"turnover": -1}'),
      'defaults.demand cannot be read',
    ],
    [
      golden.replace('"v": 2', '"v": 2, "policy": {"version": 1, "rules": 7}'),
      'policy: rules is 7: want a list',
    ],
    [golden.replace('"splits": 10', '"splits": 10, "physical": 3'), 'whose physical cannot be read'],
    [golden.replace('"id": "GPU-0"', '"id": 3'), 'nodes[0] has devices of nvidia that cannot be read'],
    [golden.replace('"pod": "a/odd"', '"pod": ""'), 'pods[2] has pod "": want a text'],
    [golden.replace('"claim": "none"', '"claim": "some"'), 'has claim "some": want one of placed'],
    [golden.replace('"memoryMiB": 4096,\n', ''), 'has no placement: container main'],
  ])('is refused with a sentence', (text, sentence) => {
    expect(read(text)).toEqual({ ok: false, error: expect.stringContaining(sentence) });
  });

  it('never throws, whatever comes', () => {
    const whole: Record<string, unknown> = { ...JSON.parse(golden), policy: { version: 1 } };
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(whole)), fc.jsonValue(), (key, value) => {
        read(JSON.stringify({ ...whole, [key]: value }));
        read(JSON.stringify({ ...whole, [key]: [value] }));
      }),
    );
  });
});
