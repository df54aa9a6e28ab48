// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BookFile } from '../../../../src/adapters/usage/book-file.js';
import { BUCKET_MS, emptyUsage, type UsageBucket } from '../../../../src/core/usage-ledger.js';
import { mib } from '../../../../src/core/units.js';
import { folders } from '../../../fakes/folder.js';

const DAY_MS = 86_400_000;
const aFolder = folders();

const aBucket = (fromMs: number, seconds = 900): UsageBucket => ({
  fromMs,
  slices: [],
  devices: [
    {
      ...{ deviceId: 'GPU-1', model: 'A100', memoryMiB: mib(40_960) },
      ...{ physicalSeconds: seconds, usedSeconds: 0, unattributedSeconds: 0, idleSeconds: seconds },
    },
  ],
});

const ledgerOf = (bucket: UsageBucket) => ({ bucket, cursor: { boot: 'b', upNs: 1, busyNs: { 's/0': 2 } } });

function aBook(folder = join(aFolder(), 'usage')): { book: BookFile; folder: string; complaints: string[] } {
  const complaints: string[] = [];
  const book = new BookFile(folder, (what, why) => complaints.push(`${what}: ${why}`));
  return { book, folder, complaints };
}

describe('the usage book', () => {
  it('is empty at first', () => {
    const { book } = aBook();
    expect(book.readPage()).toBeNull();
    expect(book.read(0, Number.MAX_SAFE_INTEGER)).toEqual([]);
  });

  it('gives back the last page and the closed buckets of a stretch, in order, by day', () => {
    const { book, folder } = aBook();
    for (const from of [2 * DAY_MS, DAY_MS, DAY_MS + BUCKET_MS]) book.close(aBucket(from));
    for (const turn of [1, 2, 3]) book.writePage({ turn, ledger: ledgerOf(aBucket(3 * DAY_MS, turn)) });
    const again = aBook(folder).book;
    expect(again.readPage()).toEqual({ turn: 3, ledger: ledgerOf(aBucket(3 * DAY_MS, 3)) });
    expect(again.read(DAY_MS, 2 * DAY_MS)).toEqual([aBucket(DAY_MS), aBucket(DAY_MS + BUCKET_MS)]);
    expect(readdirSync(folder).filter((name) => name.endsWith('.jsonl'))).toHaveLength(2);
  });

  it('counts the later of two buckets with one beginning', () => {
    const { book } = aBook();
    book.close(aBucket(0, 900));
    book.close(aBucket(0, 901));
    expect(book.read(0, 1)).toEqual([aBucket(0, 901)]);
  });

  it.each(['', 'half a pa', '{"v":1}\n123\n'])('falls back to the page before one that reads %j', (torn) => {
    const { book, folder } = aBook();
    book.writePage({ turn: 1, ledger: emptyUsage(0) });
    book.writePage({ turn: 2, ledger: emptyUsage(BUCKET_MS) });
    writeFileSync(join(folder, 'page.a'), torn);
    expect(aBook(folder).book.readPage()).toMatchObject({ turn: 1, ledger: emptyUsage(0) });
  });

  it('cuts a line that its writer did not end, and leaves out and tells one that cannot be read', () => {
    const { book, folder } = aBook();
    book.close(aBucket(0));
    appendFileSync(join(folder, '1970-01-01.jsonl'), '{"v":7}\n{"v":1,"fr');
    const { book: again, complaints } = aBook(folder);
    again.close(aBucket(BUCKET_MS));
    expect(again.read(0, DAY_MS)).toEqual([aBucket(0), aBucket(BUCKET_MS)]);
    expect(complaints).toEqual(['bucket: a usage bucket has version 7, not 1']);
  });

  it('forgets days that ended before a moment', () => {
    const { book, folder } = aBook();
    for (const from of [0, DAY_MS]) book.close(aBucket(from));
    book.forgetBefore(DAY_MS);
    expect(existsSync(join(folder, '1970-01-01.jsonl'))).toBe(false);
    expect(book.read(0, 2 * DAY_MS)).toEqual([aBucket(DAY_MS)]);
  });
});

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url));

/** Kills the writer so many ms after it said that it writes; the last turn it said to have written. */
async function killedAfter(folder: string, ms: number): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (bytes: Buffer) => {
      if (said === '') setTimeout(() => child.kill('SIGKILL'), ms);
      said += bytes.toString();
    });
    child.once('exit', () => resolve());
  });
  return Number(said.trim().split('\n').at(-1));
}

describe('a writer that is killed', () => {
  it('loses no turn that it had written, at any instant', async () => {
    const { folder } = aBook();
    for (let kill = 0; kill < 4; kill += 1) {
      const said = await killedAfter(folder, 20 + 37 * kill);
      const page = aBook(folder).book.readPage();
      expect(page?.turn).toBeGreaterThanOrEqual(said);
      // Each turn is a second of one device: none is counted twice either.
      const { book } = aBook(folder);
      const closed = book
        .read(0, Number.MAX_SAFE_INTEGER)
        .filter(({ fromMs }) => fromMs !== page?.ledger.bucket.fromMs);
      const seconds = [...closed, page?.ledger.bucket].flatMap((bucket) => bucket?.devices ?? []);
      expect(seconds.reduce((sum, device) => sum + device.physicalSeconds, 0)).toBe((page?.turn ?? 0) - 1);
    }
  }, 60_000);
});
