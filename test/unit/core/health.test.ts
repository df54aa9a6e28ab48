// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type FaultRule, type Held, looked, objectionOf, struck } from '../../../src/core/health.js';

const PASSING: FaultRule = { verdict: 'quarantine', text: 'XID 74: NVLink error' };
const FATAL: FaultRule = { verdict: 'fatal', text: 'XID 79: off the bus' };
const IGNORED: FaultRule = { verdict: 'ignore', text: 'XID 13: a program' };
const HOUR = 3_600_000;
const at = (nowMs: number) => ({ nowMs, quarantineMs: 60_000 });

const pauseOf = (held: Held, nowMs: number): number => (held?.kind === 'paused' ? held.untilMs - nowMs : 0);

describe('a fault', () => {
  it.each<[string, FaultRule, string]>([
    ['to be ignored holds nothing against its device', IGNORED, ''],
    ['that may pass pauses it', PASSING, 'XID 74: NVLink error; looked at again after 60 s'],
    ['that is fatal ends it', FATAL, 'XID 79: off the bus; it must be reset'],
  ])('%s', (_, rule, objection) => expect(objectionOf(struck(null, rule, at(0)))).toBe(objection));

  it('that may pass does not soften a fatal one, and a fatal one ends a pause', () => {
    const out = struck(null, FATAL, at(0));
    expect(struck(out, PASSING, at(1))).toBe(out);
    expect(struck(struck(null, PASSING, at(0)), FATAL, at(1))?.kind).toBe('out');
  });

  it('that comes again pauses twice as long, up to an hour, and first long again after an hour without', () => {
    let held: Held = null;
    const pauses: number[] = [];
    let nowMs = 0;
    for (let time = 0; time < 8; time++) {
      held = struck(held, PASSING, at(nowMs));
      pauses.push(pauseOf(held, nowMs) / 1000);
      nowMs += pauseOf(held, nowMs);
      held = looked(held, 'well', nowMs);
    }
    expect(pauses).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
    expect(pauseOf(struck(looked(held, 'well', nowMs + HOUR), PASSING, at(0)), 0)).toBe(60_000);
  });
});

describe('a look', () => {
  const paused = struck(null, PASSING, at(0));
  const out = struck(null, FATAL, at(0));

  it.each<[string, Held, boolean]>([
    ['ends a pause when its time is up and the device is well', looked(paused, 'well', 60_000), true],
    ['does not end it before', looked(paused, 'well', 59_999), false],
    ['does not end it while the driver cannot read the device', looked(paused, 'away', 60_000), false],
    ['does not end what is fatal', looked(out, 'well', 9 * HOUR), false],
    ['ends it when the device was away and is back', looked(looked(out, 'away', 1), 'well', 2), true],
    ['does not end it while it is away', looked(looked(out, 'away', 1), 'away', 2), false],
    ['holds nothing against a device that is well', looked(null, 'well', 0), true],
  ])('%s', (_, held, isWell) => expect(objectionOf(held) === '').toBe(isWell));
});
