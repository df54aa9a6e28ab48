// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { mib, milliCores } from '../../src/core/units.js';
import { decodeSlots, encodeSlots, type SlotRecord } from '../../src/wire/slots.js';

const slot: SlotRecord = {
  slot: '0123456789abcdef0123456789abcdef',
  ids: ['slot-0001'],
  pod: { namespace: 'a', name: 'p', uid: 'u1' },
  container: 'main',
  kind: 'sidecar',
  slices: [{ deviceId: 'GPU-1', memory: mib(4096), cores: milliCores(305), isHigh: false, isAlone: false }],
  enforcement: 'enforced',
  workload: 'Deployment/web',
};

const GOLDEN =
  '[{"slot":"0123456789abcdef0123456789abcdef","ids":["slot-0001"],"pod":{"namespace":"a","name":"p","uid":"u1"},' +
  '"container":"main","kind":"sidecar","slices":[{"deviceId":"GPU-1","memoryMiB":4096,"corePercent":30.5}],' +
  '"enforcement":"enforced","workload":"Deployment/web"}]';

const changed = (change: object): string => JSON.stringify([{ ...JSON.parse(GOLDEN)[0], ...change }]);

describe('the letter of slots', () => {
  it('is written as it always was', () => expect(encodeSlots([slot])).toBe(GOLDEN));
  it('is read as it was written', () => expect(decodeSlots(GOLDEN)).toEqual({ ok: true, value: [slot] }));
  it('leaves out slots nobody owns yet', () =>
    expect(decodeSlots(changed({ pod: null }))).toEqual({ ok: true, value: [] }));
  it('of a device plugin that does not tell workloads names none', () =>
    expect(decodeSlots(changed({ workload: undefined }))).toMatchObject({ value: [{ workload: '' }] }));
  it('counts a container of unknown kind as an app', () =>
    expect(decodeSlots(changed({ kind: 'other' }))).toMatchObject({ value: [{ kind: 'app' }] }));

  it.each([
    ['no JSON', '{'],
    ['no list', '{}'],
    ['a slot name that is a path', changed({ slot: '../../etc' })],
    ['a pod without uid', changed({ pod: { namespace: 'a', name: 'p' } })],
    ['no slices', changed({ slices: 'all' })],
    ['negative memory', changed({ slices: [{ deviceId: 'GPU-1', memoryMiB: -1, corePercent: 0 }] })],
    ['negative cores', changed({ slices: [{ deviceId: 'GPU-1', memoryMiB: 1, corePercent: -1 }] })],
  ])('is refused with %s', (_, text) => expect(decodeSlots(text).ok).toBe(false));
});
