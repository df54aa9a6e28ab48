// SPDX-License-Identifier: Apache-2.0
// Injections 17-23: the driver fails, is older or newer than we know, or is not there. docs/injections.md holds the table.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildNative } from '../build.js';
import { Machine, type Slice } from '../slice.js';
import { CODE, codesIn, lastStep, runSteps, stepsIn, takeableMiB } from './support.js';

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
}, 120_000);

afterAll(() => machine.end());

const aSlice = (mib = 64): Slice => machine.slice({ gpu: machine.gpu(0), mib });

/** Every way to ask for memory, and the driver's function behind it. */
const WAYS: readonly (readonly [string, string])[] = [
  ['malloc', 'cuMemAlloc_v2'],
  ['managed', 'cuMemAllocManaged'],
  ['async', 'cuMemAllocAsync'],
  ['vmm', 'cuMemCreate'],
];

describe('17: the driver refuses after we have reserved', () => {
  it.each(
    WAYS.flatMap(([api, call]) =>
      [CODE.outOfMemory, CODE.notSupported, CODE.unknown].map((code) => [api, call, code] as const),
    ),
  )('%s: %s answers %i, which the program hears, and the charge is given back', (api, call, code) => {
    const slice = aSlice();
    const plan = `${call}@2=${code}`;
    const lines = stepsIn(slice, `init ctx info take:${api}:2 info take:${api}:8 info give sync info`, {
      failures: plan,
    });
    expect(lines.map((line) => line.code)).toEqual([0, 0, 0, 0, 0, code, 0, 0, 0, 0]);
    expect(lines[6]?.free).toBe(lines[4]?.free);
    expect(lines[9]?.free).toBe(lines[2]?.free);
    expect(slice.region().devices[0]?.refusals).toBe(0);
  });
});

describe('19: addresses asked for with odd names, versions and flags', () => {
  it.each([
    ['a version before all', 'cuMemAlloc:0:0'],
    ['a version after all', 'cuMemAlloc:99999:0'],
    ['a negative version', 'cuMemAlloc:-1:0'],
    ['a name nobody has', 'cuNoSuchThing:12000:0'],
    ['an empty name', ':12000:0'],
    ['flags nobody defined', 'cuMemAlloc:12000:0xffffffff'],
    ['the legacy stream', 'cuMemAllocAsync:12000:1'],
    ['the thread’s own stream', 'cuMemAllocAsync:12000:2'],
    ['both streams at once', 'cuMemAllocAsync:12000:3'],
  ])('%s: the same answer and the same form as without us', (_what, ask) => {
    const slice = aSlice();
    const bare = machine.slice({ gpu: machine.gpu(0), mib: 64 });
    bare.write('preload', '', 0o444);
    const ours = lastStep(slice, `init proc:${ask}`);
    const theirs = lastStep(bare, `init proc:${ask}`);
    expect(theirs.library === '' || theirs.library?.includes('/fake/')).toBe(true);
    expect([ours.code, ours.status, ours.is_found, ours.symbol]).toEqual([
      theirs.code,
      theirs.status,
      theirs.is_found,
      theirs.symbol,
    ]);
  });
});

describe('20: a driver of other years', () => {
  it('an old one, without cuGetProcAddress and pools: the limit holds, what it lacks is not supported', () => {
    const slice = aSlice();
    expect(takeableMiB(slice, { driver: 'old' })).toBe(takeableMiB(slice));
    expect(
      codesIn(slice, 'init ctx take:async:1 proc:cuMemAlloc:12000 take:malloc:1', { driver: 'old' }),
    ).toEqual([0, 0, CODE.notSupported, CODE.notSupported, 0]);
  });

  it('a future one: a function on no list of ours is handed out as the driver has it', () => {
    expect(lastStep(aSlice(), 'init proc:cuFutureThing:14000', { failures: '' })).toMatchObject({
      code: 0,
      status: 0,
      symbol: 'cuFutureThing',
    });
  });
});

describe('21: libraries that are not there', () => {
  it('no driver: no device, and programs end as they would', () => {
    const slice = aSlice();
    slice.write('ld.so.cache', '', 0o644);
    expect(codesIn(slice, 'init take:malloc:1 info')).toEqual([CODE.noDevice, CODE.noDevice, CODE.noDevice]);
  });
});

describe('23: an error that stays (Xid)', () => {
  it('all calls fail from then on: nothing crashes, and the next process finds everything free', () => {
    const slice = aSlice();
    const before = takeableMiB(slice);
    const failures = 'cuMemAlloc_v2@3=700 cuMemFree_v2=700 cuCtxSynchronize=700';
    const ran = runSteps(slice, 'init ctx take:malloc:8 take:malloc:8 take:malloc:8 give give info', {
      failures,
    });
    expect(ran.status).toBe(0);
    expect(takeableMiB(slice)).toBe(before);
  });

  it('a context that ends takes its charges along, though every free of its memory failed', () => {
    const lines = stepsIn(aSlice(), 'init ctx info ctxnew take:malloc:16 give ctxdel ctx info', {
      failures: 'cuMemFree_v2=700',
    });
    expect(lines.map((line) => line.code)).toEqual([0, 0, 0, 0, 0, 700, 0, 0, 0]);
    expect(lines.at(-1)?.free).toBe(lines[2]?.free);
  });
});
