// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { err } from '../../../src/core/result.js';
import { mib, milliCores, WHOLE_DEVICE } from '../../../src/core/units.js';
import type { Sight, SlotFiles } from '../../../src/observing/escape.js';
import { judge } from '../../../src/observing/reconcile.js';
import { aSlice, aSlot, MIB } from './readings.js';
import { aHolder, aPage, aSight, aTrueRegion, someFiles } from './sight.js';

const withFiles = (change: Partial<SlotFiles>): Sight =>
  aSight({ files: new Map([['s1', someFiles(change)]]) });
const limit = { uuid: 'GPU-1', memory: mib(4096), cores: milliCores(300) };
const burst = { ...limit, memory: mib(8192), guaranteed: mib(4096) };
const arbitrated = { ...limit, rate: milliCores(10), weight: 3, isSoft: true as const };
const reasons = (sight: Sight) => judge(sight).suspicions.map(({ reason }) => reason);

const UNENFORCED = aSight({
  slots: [aSlot({ enforcement: 'off' })],
  files: new Map([['s1', someFiles({ region: null, page: null })]]),
  holders: [aHolder({ hasLibrary: false, usedBytes: 9000 * MIB })],
});

describe('nothing is suspected', () => {
  it.each<[string, Sight]>([
    ['where driver and region agree', aSight()],
    ['where the region admits more than the driver counts', withFiles({ region: aTrueRegion(3000) })],
    ['within the tolerance', withFiles({ region: aTrueRegion(800) })],
    ['where more may be lent than was given', withFiles({ page: aPage({ devices: [burst] }) })],
    ['of what the arbiter writes', withFiles({ page: aPage({ arbiterBeatNs: 5, devices: [arbitrated] }) })],
    ['where nobody enforces slices', UNENFORCED],
    ['of a slot whose files were not looked at', aSight({ files: new Map(), holders: [] })],
  ])('%s', (_, sight) => expect(judge(sight).suspicions).toEqual([]));

  it('of a word that a killed process left without its row', () => {
    const region = aTrueRegion(1024, { usedBytes: 2048 * MIB, inflight: 1 });
    expect(reasons(withFiles({ region }))).toEqual([]);
  });

  it('of strangers while the agent does not answer', () => {
    expect(reasons(aSight({ holders: [aHolder({ podUid: 'other' })], isCurrent: false }))).toEqual([]);
  });
});

describe('suspected', () => {
  const past = aHolder({ usedBytes: 3000 * MIB });
  it.each<[string, Sight, string]>([
    [
      'is drift, by the region’s word',
      aSight({ holders: [past] }),
      'Drift: the driver counts 3000 MiB for container main on GPU-1, its region admits 1024 MiB: something allocates past the library',
    ],
    [
      'is a process without the library',
      aSight({ holders: [aHolder({ hasLibrary: false })] }),
      'MissingLibrary: process 1001 of container main on GPU-1 holds 1024 MiB and the library is not in it: nothing limits it',
    ],
    [
      'is a pod of ours where it has no slice',
      aSight({ holders: [aHolder(), aHolder({ deviceId: 'GPU-2', pid: 5 })] }),
      'UnknownProcess: process 5 of this pod holds 1024 MiB of GPU-2, where the pod has no slice',
    ],
    [
      'is a pod that is none of ours',
      aSight({ holders: [aHolder(), aHolder({ podUid: 'x', slot: '', pid: 5 })] }),
      'UnknownProcess: process 5 of pod x holds 1024 MiB of GPU-1 on node n1: nobody gave it a slice',
    ],
    [
      'is a process outside pods',
      aSight({ holders: [aHolder(), aHolder({ podUid: '', containerId: '', slot: '', pid: 5 })] }),
      'UnknownProcess: process 5 outside all pods holds 1024 MiB of GPU-1 on node n1: nobody gave it a slice',
    ],
    [
      'is a container that is none of ours',
      aSight({ holders: [aHolder(), aHolder({ podUid: '', slot: 'other', pid: 5 })] }),
      'UnknownProcess: process 5 of container cccccccccccc holds 1024 MiB of GPU-1 on node n1: nobody gave it a slice',
    ],
    [
      'is a cut region',
      withFiles({ region: err('region has 0 bytes, not 299008') }),
      'RegionUnreadable: the region of container main cannot be read: region has 0 bytes, not 299008',
    ],
    [
      'is a region that is gone',
      withFiles({ region: null }),
      'RegionUnreadable: the region of container main is missing: nothing can be counted there',
    ],
    [
      'is an edited word',
      withFiles({ region: aTrueRegion(1024, { usedBytes: 2000 * MIB }) }),
      "RegionEdited: the region of container main was edited: it says 2097152000 bytes on GPU-1, its processes' rows 1073741824",
    ],
    [
      'is an edited page',
      withFiles({ page: aPage({ devices: [{ ...limit, memory: mib(9999) }] }) }),
      "PageEdited: the limits page of container main is not what the node's agent wrote: it says 9999 MiB and 30 % of GPU-1, given are 4096 MiB and 30 % of GPU-1",
    ],
    [
      'is a page that names a device more',
      withFiles({ page: aPage({ devices: [limit, { ...limit, uuid: 'GPU-9' }] }) }),
      "PageEdited: the limits page of container main is not what the node's agent wrote: it names 1 devices more",
    ],
    [
      'is a missing page',
      withFiles({ page: null }),
      "PageEdited: the limits page of container main is not what the node's agent wrote: it is missing",
    ],
  ])('%s', (_, sight, sentence) => {
    const told = judge(sight).suspicions.map((found) => `${found.reason}: ${found.sentence}`);
    expect(told).toContain(sentence);
  });

  it('is no page of an instance that leaves the compute to the hardware', () => {
    const page = aPage({ devices: [{ ...limit, cores: WHOLE_DEVICE }] });
    const sight = withFiles({ page });
    const ofInstance = { ...sight, slots: sight.slots.map((slot) => ({ ...slot, instances: ['GPU-1'] })) };
    expect(reasons(sight)).toContain('PageEdited');
    expect(reasons(ofInstance)).not.toContain('PageEdited');
  });

  it('is drift also where the rows alone admit less', () => {
    const region = aTrueRegion(1024, { classBytes: [0] });
    expect(reasons(withFiles({ region }))).toEqual(expect.arrayContaining(['Drift', 'RegionEdited']));
  });

  it('is what the driver counts above all that was ever given', () => {
    const region = aTrueRegion(6000);
    const over = {
      holders: [aHolder({ usedBytes: 6000 * MIB })],
      files: new Map([['s1', someFiles({ region })]]),
    };
    const before = judge(aSight()).allowed;
    expect(judge(aSight(over), before).suspicions.map(({ reason }) => reason)).toEqual(['OverLimit']);
  });

  it('is no limit that fell below what is held', () => {
    const region = aTrueRegion(4000);
    const files = new Map([['s1', someFiles({ region })]]);
    const holders = [aHolder({ usedBytes: 4000 * MIB })];
    const { allowed } = judge(aSight({ files, holders }));
    const page = aPage({ devices: [{ ...limit, memory: mib(1024) }] });
    const shrunk = aSight({
      slots: [aSlot({ slices: [aSlice('GPU-1', 1024)] })],
      files: new Map([['s1', someFiles({ region, page })]]),
      holders,
    });
    expect(judge(shrunk, allowed).suspicions).toEqual([]);
    expect(judge(shrunk).suspicions).toEqual([]);
  });
});

describe('who is to blame', () => {
  const holders = [aHolder({ pid: 1, innerPid: 1 }), aHolder({ pid: 2, innerPid: 9, usedBytes: 2000 * MIB })];
  const culprits = (sight: Sight, reason: string) =>
    judge(sight)
      .suspicions.find((found) => found.reason === reason)
      ?.culprits.map(({ pid }) => pid);

  it('is the process whose own row admits too little', () => {
    expect(culprits(aSight({ holders }), 'Drift')).toEqual([2]);
  });

  it('is nobody for a page, which no tenant can write', () => {
    expect(culprits(withFiles({ page: null }), 'PageEdited')).toEqual([]);
  });

  it('is nobody outside our pods', () => {
    expect(
      culprits(aSight({ holders: [aHolder({ podUid: '', containerId: '' })] }), 'UnknownProcess'),
    ).toEqual([]);
  });

  it('is everybody of the slot where the region is gone, and nobody of another', () => {
    const sight = withFiles({ region: null });
    const other = aHolder({ pid: 7, podUid: 'u2', slot: 's2' });
    expect(culprits({ ...sight, holders: [...holders, other] }, 'RegionUnreadable')).toEqual([1, 2]);
  });
});

it('memory of whom nobody gave a slice is foreign, device by device', () => {
  const strangers = [
    aHolder({ podUid: '', containerId: '' }),
    aHolder({ podUid: 'x', pid: 2, usedBytes: MIB }),
  ];
  expect(judge(aSight({ holders: [aHolder(), ...strangers] })).foreign).toEqual(
    new Map([['GPU-1', 1025 * MIB]]),
  );
});

it('a container is its pod’s by the slot it has mounted, where cgroups name no pods', () => {
  const holder = aHolder({ podUid: '', usedBytes: 3000 * MIB });
  const [found] = judge(aSight({ holders: [holder] })).suspicions;
  expect(found).toMatchObject({ reason: 'Drift', pod: { uid: 'u1' }, culprits: [{ podUid: 'u1' }] });
  const outside = { ...holder, containerId: '' };
  expect(reasons(aSight({ holders: [outside] }))).toEqual(['UnknownProcess']);
});

it('two containers of a pod are told apart by the files they have mounted', () => {
  const slots = [aSlot(), aSlot({ slot: 's2', container: 'side' })];
  const files = new Map([
    ['s1', someFiles()],
    ['s2', someFiles({ region: aTrueRegion(0) })],
  ]);
  const holders = [aHolder(), aHolder({ slot: 's2', pid: 2, usedBytes: 2000 * MIB })];
  const [drift] = judge(aSight({ slots, files, holders })).suspicions;
  expect(drift).toMatchObject({ reason: 'Drift', container: 'side' });
});
