// SPDX-License-Identifier: Apache-2.0
// Memory that one process gives to another, by file or by IPC: charged once, for as long as anybody holds it, in
// whatever order they let go and however they die.
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative, PATHS } from './build.js';
import { ended, lastJson, Machine, type Slice } from './slice.js';

const MIB = 1_048_576;
const OOM = 2;
const SIZE = 64;

let machine: Machine;
let slice: Slice;
let meetings = 0;
const parties: Party[] = [];

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
}, 120_000);

afterAll(() => machine.end());

afterEach(async () => {
  for (const party of parties.splice(0)) await party.kill();
});

/** A process that does what it is told, and says what came of it. */
class Party {
  private readonly answers: AsyncIterator<string>;
  private readonly lines: Interface;

  constructor(readonly child: ChildProcess) {
    if (child.stdout === null) throw new Error('bug: nobody listens to this program');
    this.lines = createInterface({ input: child.stdout });
    this.answers = this.lines[Symbol.asyncIterator]();
    parties.push(this);
  }

  async answer(): Promise<string> {
    const { value, done } = await this.answers.next();
    if (done === true) throw new Error('it ended');
    return value;
  }

  async does(...words: readonly string[]): Promise<void> {
    for (const word of words) expect(`${word}: ${await this.ask(word)}`).toBe(`${word}: 0`);
  }

  async ask(word: string): Promise<number> {
    this.child.stdin?.write(`${word}\n`);
    return Number(await this.answer());
  }

  async kill(): Promise<void> {
    const gone = ended(this.child);
    this.child.kill('SIGKILL');
    await gone;
  }
}

const aSlice = (mib = 128): Slice => machine.slice({ gpu: machine.gpu(0), mib });

function start(into: Slice, path: string): Party {
  return new Party(into.converse([`${BUILT}/bin/sharing`, path]));
}

/** A giver and a taker that know each other. */
async function aPair(of: Slice, other = of): Promise<readonly [Party, Party]> {
  meetings += 1;
  const path = join(machine.folder, `meeting-${meetings}`);
  const giver = start(of, path);
  expect(await giver.answer()).toBe('listening');
  return [giver, start(other, path)];
}

/** MiB by the fake driver’s own books. */
const physicalMiB = (): number => machine.physical(0).usedBytes / MIB;

/** What a newcomer finds: he reaps the dead on his way in, in both books. */
function usedMiB(of: Slice): number {
  const code = lastJson<{ code: number }>(of.run([PATHS.workload, 'alloc', '1'])).code;
  const books = (of.region().devices[0]?.usedBytes ?? -1) / MIB;
  expect({ code: code === 0 || code === OOM, physical: physicalMiB() }).toEqual({
    code: true,
    physical: books,
  });
  return books;
}

const WAYS = [
  {
    way: 'a handle sent as a file',
    make: `create ${SIZE}`,
    give: 'export',
    take: ['import', 'map'],
    free: ['release'],
    close: ['unmap', 'drop'],
  },
  {
    way: 'an IPC handle',
    make: `alloc ${SIZE}`,
    give: 'get',
    take: ['open'],
    free: ['free'],
    close: ['close'],
  },
];

const POOLED = {
  way: 'a pool and its pointer',
  make: `draw ${SIZE}`,
  give: 'lend',
  take: ['borrow'],
  free: ['free'],
  close: ['back'],
};

describe.each([...WAYS, POOLED])('memory given by $way', ({ make, give, take, free, close }) => {
  it('is charged once while both hold it', async () => {
    slice = aSlice();
    const [giver, taker] = await aPair(slice);
    await giver.does(make, give);
    await taker.does(...take);
    expect(await taker.ask('used')).toBe(SIZE);
    expect(usedMiB(slice)).toBe(SIZE);
    await taker.does(...close);
    expect(usedMiB(slice)).toBe(SIZE);
    await giver.does(...free);
    expect(usedMiB(slice)).toBe(0);
  });

  it('stays charged when its giver is killed, until its taker lets go', async () => {
    slice = aSlice();
    const [giver, taker] = await aPair(slice);
    await giver.does('alloc 10', make, give);
    await taker.does(...take);
    await giver.kill();
    expect(await taker.ask('used')).toBe(SIZE);
    expect(usedMiB(slice)).toBe(SIZE);
    expect(await taker.ask(`create ${SIZE + 2}`)).toBe(OOM);
    await taker.does(...close);
    expect(usedMiB(slice)).toBe(0);
  });

  it('is its taker’s too where it comes from another container, and not beyond his limit', async () => {
    slice = aSlice();
    const narrow = aSlice(SIZE - 2);
    const [giver, taker] = await aPair(aSlice(), slice);
    await giver.does(make, give);
    await taker.does(...take);
    expect(await taker.ask('used')).toBe(SIZE);
    expect(physicalMiB()).toBe(SIZE);
    await taker.does(...close);
    expect(await taker.ask('used')).toBe(0);
    const [second, poor] = await aPair(aSlice(), narrow);
    await second.does(make, give);
    for (const step of take.slice(0, -1)) await poor.does(step);
    expect(await poor.ask(take.at(-1) ?? '')).toBe(OOM);
    expect(await poor.ask('used')).toBe(0);
  });
});

/** Of a pool’s pointer the driver says that who took it has to let go first. */
describe.each(WAYS)(
  'memory given by $way, whose giver may let go first',
  ({ make, give, take, free, close }) => {
    it('stays charged when its giver lets go first, until its taker does', async () => {
      slice = aSlice();
      const [giver, taker] = await aPair(slice);
      await giver.does(make, give);
      await taker.does(...take);
      await giver.does(...free);
      expect(await giver.ask('used')).toBe(SIZE);
      expect(usedMiB(slice)).toBe(SIZE);
      expect(await giver.ask(`create ${SIZE + 2}`)).toBe(OOM);
      await taker.does(...close);
      expect(await giver.ask('used')).toBe(0);
      expect(usedMiB(slice)).toBe(0);
    });

    it('is free when both are killed', async () => {
      slice = aSlice();
      const [giver, taker] = await aPair(slice);
      await giver.does(make, give);
      await taker.does(...take);
      await giver.does(...free);
      await giver.kill();
      expect(usedMiB(slice)).toBe(SIZE);
      await taker.kill();
      expect(usedMiB(slice)).toBe(0);
    });
  },
);

/** Killed processes take a while to be gone. */
function hasAll(of: Slice): boolean {
  for (let i = 0; i < 100; i += 1)
    if (lastJson<{ code: number }>(of.run([PATHS.workload, 'alloc', '1990'])).code === 0) return true;
  return false;
}

/** Both books’ peaks are of all that was ever held, so one look at the end tells of the whole storm. */
describe.each(['import', 'ipc'])('a storm of %s whose processes are killed', (api) => {
  it('never holds a byte beyond the limit, and leaves nothing', async () => {
    const stormy = new Machine('A100-40G');
    try {
      slice = stormy.slice({ gpu: stormy.gpu(0), mib: 2000 });
      const hammer = [
        PATHS.workload,
        'hammer',
        '--api',
        api,
        '--procs',
        '6',
        '--seconds',
        '9',
        '--most',
        '200',
      ];
      const ends = ['0.5', '0.7', '0.9'].map((after) =>
        ended(slice.start(['timeout', '-s', 'KILL', after, ...hammer])),
      );
      await Promise.all(ends);
      expect(hasAll(slice)).toBe(true);
      const peaks = [stormy.physical(0).peakBytes, slice.region().devices[0]?.peakBytes ?? -1];
      expect(peaks.filter((bytes) => bytes < 1990 * MIB || bytes > 2000 * MIB)).toEqual([]);
      expect(stormy.physical(0).usedBytes).toBe(0);
    } finally {
      stormy.end();
    }
  });
});
