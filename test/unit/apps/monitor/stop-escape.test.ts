// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { EscapeStopper } from '../../../../src/apps/monitor/stop-escape.js';
import { MILDEST, type NodeRuling } from '../../../../src/core/node-rules.js';
import type { Suspicion } from '../../../../src/observing/escape.js';
import { aHolder } from '../../observing/sight.js';

const POD = { namespace: 'a', name: 'p', uid: 'u1' };
const aFinding = (change: Partial<Suspicion> = {}): Suspicion => ({
  ...{
    key: 'Drift/s1',
    reason: 'Drift',
    sentence: 'x',
    pod: POD,
    container: 'main',
    slot: 's1',
    isSteady: true,
  },
  culprits: [aHolder({ pid: 7 })],
  ...change,
});

let onEscape: NodeRuling['onEscape'];
let told: string[];
let stopper: EscapeStopper;
const act = (...standing: Suspicion[]) => [...stopper.act(standing).values()];

beforeEach(() => {
  told = [];
  stopper = new EscapeStopper({
    policy: { rulingFor: () => ({ ...MILDEST, onEscape }) },
    proc: { kill: (pid: number) => told.push(`kill ${pid}`) > 0 },
    clamps: {
      clamp: (slot, reason) => void told.push(`clamp ${slot} ${reason}`),
      release: (slot) => void told.push(`release ${slot}`),
    },
  });
});

it('report does nothing', () => {
  onEscape = 'report';
  expect(act(aFinding())).toEqual(['']);
  expect(told).toEqual([]);
});

describe('throttle', () => {
  beforeEach(() => {
    onEscape = 'throttle';
  });

  it('clamps the slot once while it is found, and lets it go afterwards', () => {
    expect(act(aFinding())).toEqual(['; its slice is throttled by policy']);
    act(aFinding(), aFinding({ key: 'OverLimit/s1', reason: 'OverLimit' }));
    expect(told).toEqual(['clamp s1 Drift']);
    act();
    expect(told).toEqual(['clamp s1 Drift', 'release s1']);
    expect(stopper.stopped).toEqual([{ namespace: 'a', action: 'throttled', count: 1 }]);
  });

  it.each([
    ['a page that nobody of the pod can have written', { culprits: [] }],
    ['who has no slice there', { slot: '' }],
    ['who is of no pod of ours', { pod: null }],
  ])('does nothing about %s', (_, change) => {
    expect(act(aFinding(change))).toEqual(['']);
    expect(told).toEqual([]);
  });
});

describe('kill', () => {
  beforeEach(() => {
    onEscape = 'kill';
  });

  it('ends the culprits, and says whom', () => {
    expect(act(aFinding())).toEqual(['; killed by policy: process 7']);
    expect(stopper.stopped).toEqual([{ namespace: 'a', action: 'killed', count: 1 }]);
  });

  it('ends nobody of another pod', () => {
    const stranger = aHolder({ pid: 8, podUid: 'u2' });
    expect(act(aFinding({ culprits: [stranger] }))).toEqual(['']);
    expect(told).toEqual([]);
  });
});
