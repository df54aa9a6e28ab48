// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { score } from '../../../src/core/units.js';
import { DecisionLog } from '../../../src/scheduling/decision-log.js';
import { encodeDecision, type FilterDecision } from '../../../src/wire/decisions.js';
import { aPlacement, aRequest, aWish, WHOLE } from '../../builders/core.js';

const aDecision = (named: Partial<FilterDecision> = {}): FilterDecision => ({
  ...{ at: 0, verb: 'filter', pod: 'a/p', uid: 'u1', revision: 1, request: aRequest() },
  ruledBy: { node: 'options', device: 'pod' },
  ...{ candidates: 500, offered: [{ node: 'n1', score: score(10) }], refusals: {} },
  ...named,
});

describe('the decision log', () => {
  it('keeps the newest, oldest first', () => {
    const log = new DecisionLog(3);
    expect(log.all()).toEqual([]);
    for (const revision of [1, 2, 3, 4, 5]) log.record(aDecision({ revision }));
    expect(log.all().map(({ revision }) => revision)).toEqual([3, 4, 5]);
  });

  it('tells of one pod', () => {
    const log = new DecisionLog();
    for (const pod of ['a/p', 'a/q', 'a/p']) log.record(aDecision({ pod }));
    expect(log.all('a/p')).toHaveLength(2);
    expect(log.all('a/none')).toEqual([]);
  });
});

describe('the letter of a decision', () => {
  const slices = [
    aWish({ memory: 4096, cores: 305 }),
    aWish({ memory: { kind: 'share', permille: 250 } }),
    WHOLE,
  ];

  it('has units in its names', () => {
    const request = aRequest([{ name: 'main', kind: 'app', slices }]);
    const row = JSON.parse(encodeDecision(aDecision({ request })));
    expect(row).toMatchObject({ at: '1970-01-01T00:00:00.000Z', candidates: 500 });
    expect(row.request.containers[0].slices).toEqual([
      { vendor: 'nvidia', count: 1, memoryMiB: 4096, corePercent: 30.5, exclusive: false, priority: 'low' },
      { vendor: 'nvidia', count: 1, memoryPercent: 25, corePercent: 0, exclusive: false, priority: 'low' },
      { vendor: 'nvidia', count: 1, memory: 'whole', corePercent: 100, exclusive: true, priority: 'low' },
    ]);
  });

  it('carries what bind wrote', () => {
    const base = {
      at: 0,
      verb: 'bind',
      pod: 'a/p',
      uid: 'u1',
      revision: 1,
      node: 'n1',
      sentence: '',
    } as const;
    const placement = aPlacement({ main: [['GPU-0', 4096, 300]] });
    expect(JSON.parse(encodeDecision({ ...base, placement }))).toMatchObject({
      node: 'n1',
      placement: { containers: [{ slices: [{ device: 'GPU-0', memoryMiB: 4096, corePercent: 30 }] }] },
    });
    expect(encodeDecision(aDecision({ request: null }))).toContain('"request":null');
  });
});
