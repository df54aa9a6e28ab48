// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { encodeSnapshot } from '../../../src/wire/snapshot.js';
import { aDevice, aSighting, someFacts } from '../../builders/core.js';

it('the snapshot tells nodes, devices, what is held and by whom, with units in the names', () => {
  const ledger = new Ledger();
  ledger.setNode(someFacts({ devices: [aDevice({ numa: 1 })] }));
  ledger.confirm(aSighting());
  const defaults = DEFAULT_RULES;
  expect(encodeSnapshot({ snapshot: ledger, defaults }, ledger.allHoldings())).toEqual({
    v: 2,
    revision: 2,
    defaults: { nodePolicy: 'binpack', devicePolicy: 'binpack' },
    nodes: [
      {
        name: 'n1',
        revision: 2,
        heldBy: null,
        initOnly: null,
        vendors: {
          nvidia: {
            slots: 20,
            slotsUsed: 1,
            unreadable: null,
            devices: [
              {
                id: 'GPU-0',
                index: 0,
                model: 'NVIDIA A100-SXM4-40GB',
                memoryMiB: 40_960,
                corePercent: 100,
                splits: 10,
                numa: 1,
                healthy: true,
                reason: '',
                cordoned: false,
                held: { memoryMiB: 4096, corePercent: 0, slices: 1, exclusive: false },
              },
            ],
          },
        },
      },
    ],
    pods: [
      {
        ...{ uid: 'u1', pod: 'default/p1', node: 'n1', state: 'held', claim: 'placed' },
        ...{ containers: [{ name: 'main', kind: 'app' }], slots: { nvidia: 1 }, initOnly: false },
        placement: {
          v: 1,
          containers: [{ name: 'main', slices: [{ device: 'GPU-0', memoryMiB: 4096, corePercent: 0 }] }],
        },
      },
    ],
  });
});
