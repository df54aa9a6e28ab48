// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bystander, Bystanders } from '../../../src/core/bystanders.js';
import { Ledger } from '../../../src/core/ledger.js';
import { aPlacement, anAssumption, aRequest, aSighting, someFacts } from '../../builders/core.js';

const pod = fc.record({
  node: fc.constantFrom('n1', 'n2'),
  cpuMilli: fc.nat(4000),
  isOfNode: fc.boolean(),
});
const step = fc.record({ uid: fc.constantFrom('a', 'b', 'c'), pod: fc.option(pod) });

describe('pods that ask for no device', () => {
  it('take of each node what they request, whatever came and went before', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const bystanders = new Bystanders();
        const expected = new Map<string, Bystander>();
        for (const { uid, pod: seen } of steps) {
          if (seen === null) bystanders.take(uid);
          else bystanders.put(uid, seen);
          if (seen === null) expected.delete(uid);
          else expected.set(uid, seen);
        }
        const sum = (node: string, isOfNode: boolean): number =>
          [...expected.values()]
            .filter((each) => each.node === node && each.isOfNode === isOfNode)
            .reduce((all, { cpuMilli }) => all + cpuMilli, 0);
        for (const node of ['n1', 'n2'])
          expect(bystanders.on(node)).toEqual({ own: sum(node, true), others: sum(node, false) });
      }),
    );
  });

  it('change nothing when seen again', () => {
    const bystanders = new Bystanders();
    const seen = { node: 'n1', cpuMilli: 100, isOfNode: false };
    expect(bystanders.put('a', seen)).toEqual(['n1']);
    expect(bystanders.put('a', { ...seen })).toEqual([]);
    expect(bystanders.take('b')).toEqual([]);
  });
});

describe('the CPU of a node', () => {
  it('is held by pods that hold devices, assumed ones too, and by all others', () => {
    const ledger = new Ledger();
    ledger.stand('early', { node: 'n1', cpuMilli: 300, isOfNode: false });
    ledger.setNode(someFacts({ cpuMilli: 8000 }));
    ledger.confirm(aSighting({ cpuMilli: 1000 }));
    ledger.assume(
      anAssumption(aRequest(), aPlacement({ main: [['GPU-1', 4096]] }), { uid: 'u2', cpuMilli: 2000 }),
    );
    ledger.stand('daemon', { node: 'n1', cpuMilli: 500, isOfNode: true });
    expect(ledger.node('n1')?.cpu).toEqual({ allocatable: 7500, held: 3300 });
    for (const uid of ['early', 'early', 'u1']) ledger.release(uid);
    ledger.forget('u2');
    expect(ledger.node('n1')?.cpu).toEqual({ allocatable: 7500, held: 0 });
  });

  it('is given back by pods that a new list does not name', () => {
    const ledger = new Ledger();
    ledger.setNode(someFacts({ cpuMilli: 8000 }));
    ledger.stand('a', { node: 'n1', cpuMilli: 300, isOfNode: false });
    ledger.stand('b', { node: 'n1', cpuMilli: 200, isOfNode: false });
    ledger.keepOnly(new Set(['b']));
    expect(ledger.node('n1')?.cpu.held).toBe(200);
  });

  it('moves the revision of the node when it changes, and not when it does not', () => {
    const ledger = new Ledger();
    ledger.setNode(someFacts({ cpuMilli: 8000 }));
    const before = ledger.node('n1');
    ledger.stand('a', { node: 'n1', cpuMilli: 300, isOfNode: false });
    const after = ledger.node('n1');
    expect(after?.revision).toBeGreaterThan(before?.revision ?? 0);
    ledger.stand('a', { node: 'n1', cpuMilli: 300, isOfNode: false });
    expect(ledger.node('n1')).toBe(after);
  });
});
