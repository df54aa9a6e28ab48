// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { UNTOLD } from '../../../src/core/node.js';
import { DEFAULT_RULES, nodePolicy } from '../../../src/core/policies.js';
import { ANY_DEVICE, type PodRequest, type NodePolicyName } from '../../../src/core/request.js';
import { mib, milliCores } from '../../../src/core/units.js';
import { prioritize } from '../../../src/scheduling/prioritize.js';

const NAMES = ['empty', 'little', 'half'];

/** Nodes of eight devices; `held` MiB are held on the first one. */
function ledgerOf(held: Readonly<Record<string, number>>): Ledger {
  const ledger = new Ledger();
  for (const [name, memory] of Object.entries(held)) {
    const devices = Array.from({ length: 8 }, (_, index) => ({
      id: `${name}-${index}`,
      vendor: 'v',
      index,
      model: 'M',
      memory: mib(40960),
      cores: milliCores(1000),
      splits: 10,
      numa: null,
      cpuMilli: 0,
      isHealthy: true,
      reason: '',
    }));
    ledger.setNode({
      name,
      devices,
      unreadable: new Map(),
      slots: new Map([['v', 80]]),
      cordoned: new Set(),
      ...UNTOLD,
    });
    if (memory === 0) continue;
    const slices = [
      { deviceId: `${name}-0`, memory: mib(memory), cores: milliCores(0), isHigh: false, isAlone: false },
    ];
    ledger.confirm({
      uid: name,
      pod: `ns/${name}`,
      containers: [{ name: 'a', kind: 'app' }],
      slots: new Map([['v', 1]]),
      isInitOnly: false,
      cpuMilli: 0,
      node: name,
      claim: { kind: 'placed', placement: { containers: [{ name: 'a', slices }] } },
    });
  }
  return ledger;
}

function asking(name: NodePolicyName): PodRequest {
  const memory = { kind: 'fixed', memory: mib(1000) } as const;
  const slice = {
    vendor: 'v',
    count: 1,
    memory,
    cores: milliCores(0),
    isExclusive: false,
    priority: 'low' as const,
  };
  const containers = [{ name: 'a', kind: 'app', slices: [slice] }] as const;
  return {
    containers,
    choice: ANY_DEVICE,
    nodePolicy: nodePolicy(name),
    devicePolicy: null,
    numa: null,
    cpuMilli: 0,
  };
}

const scores = (held: Record<string, number>, policy: NodePolicyName, names = NAMES): number[] => {
  const defaults = DEFAULT_RULES;
  return prioritize(asking(policy), names, { snapshot: ledgerOf(held), defaults }).map(({ score }) => score);
};

describe('prioritize', () => {
  it('binpack tells a node with one small slice from an empty one, though both are nearly empty', () => {
    expect(scores({ empty: 0, little: 1000, half: 0 }, 'binpack')).toEqual([0, 10, 0]);
  });
  it('spread likes them the other way round', () => {
    expect(scores({ empty: 0, little: 1000, half: 20000 }, 'spread')[0]).toBe(10);
    expect(scores({ empty: 0, little: 1000, half: 20000 }, 'spread')[2]).toBe(0);
  });
  it('leaves the choice to others among equals', () => {
    expect(scores({ empty: 0, little: 0, half: 0 }, 'binpack')).toEqual([10, 10, 10]);
  });
  it('likes a node that is gone least', () => {
    expect(scores({ little: 1000 }, 'binpack', ['little', 'gone'])).toEqual([10, 0]);
  });
});
