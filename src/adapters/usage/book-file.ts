// SPDX-License-Identifier: Apache-2.0
// The usage book on disk. Closed buckets are lines of a file per day; the one under way is written anew each turn, to two
// pages in turn, each with its checksum: whoever dies while he writes one leaves the other whole.
//
//   <folder>/2026-11-21.jsonl   buckets that began on that day (UTC), a line each; of two with one beginning the later counts
//   <folder>/page.a, page.b     text, newline, CRC-32 of the text
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { UsageBucket } from '../../core/usage-ledger.js';
import { type BookPage, decodeBucket, decodePage, encodeBucket, encodePage } from '../../wire/usage-book.js';

const PAGES = ['page.a', 'page.b'] as const;
const DAY_FILE = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;
const DAY_MS = 86_400_000;

/** One writer. Faults of the disk are thrown; what cannot be read is left out and told by `onUnreadable`. */
export class BookFile {
  constructor(
    private readonly folder: string,
    private readonly onUnreadable: (what: string, why: string) => void,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    this.mendTails();
  }

  /** The later of the two pages that are whole; null: there is none yet. */
  readPage(): BookPage | null {
    const pages = PAGES.flatMap((name) => this.pageIn(name) ?? []);
    return pages.toSorted((a, b) => b.turn - a.turn)[0] ?? null;
  }

  writePage(page: BookPage): void {
    const text = encodePage(page);
    writeFileSync(join(this.folder, PAGES[page.turn % 2] as string), `${text}\n${crc32(text)}\n`);
  }

  /** On the disk when it returns. */
  close(bucket: UsageBucket): void {
    const path = join(this.folder, `${dayOf(bucket.fromMs)}.jsonl`);
    const file = openSync(path, 'a', 0o644);
    try {
      appendFileSync(file, `${encodeBucket(bucket)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Closed ones that begin from `fromMs` and before `untilMs`, in order. */
  read(fromMs: number, untilMs: number): readonly UsageBucket[] {
    const found = new Map<number, UsageBucket>();
    for (const [name, day] of this.days()) {
      if (day + DAY_MS <= fromMs || day >= untilMs) continue;
      for (const line of readFileSync(join(this.folder, name), 'utf8').split('\n')) this.take(line, found);
    }
    return [...found.values()]
      .filter((bucket) => bucket.fromMs >= fromMs && bucket.fromMs < untilMs)
      .toSorted((a, b) => a.fromMs - b.fromMs);
  }

  /** Days that ended before then. */
  forgetBefore(atMs: number): void {
    for (const [name, day] of this.days())
      if (day + DAY_MS <= atMs) rmSync(join(this.folder, name), { force: true });
  }

  private take(line: string, found: Map<number, UsageBucket>): void {
    if (line === '') return;
    const bucket = decodeBucket(line);
    if (bucket.ok) found.set(bucket.value.fromMs, bucket.value);
    else this.onUnreadable('bucket', bucket.error);
  }

  private pageIn(name: string): BookPage | null {
    const [text = '', sum = ''] = this.textOf(name).split('\n');
    if (text === '') return null;
    if (String(crc32(text)) !== sum) return null;
    const page = decodePage(text);
    if (page.ok) return page.value;
    this.onUnreadable(name, page.error);
    return null;
  }

  private textOf(name: string): string {
    try {
      return readFileSync(join(this.folder, name), 'utf8');
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw fault;
    }
  }

  private days(): readonly (readonly [string, number])[] {
    return readdirSync(this.folder).flatMap((name) => {
      const day = DAY_FILE.exec(name)?.[1];
      return day === undefined ? [] : [[name, Date.parse(`${day}T00:00:00Z`)] as const];
    });
  }

  /** A line that was being written when its writer died would take the next one with it. */
  private mendTails(): void {
    for (const [name] of this.days()) {
      const path = join(this.folder, name);
      const bytes = readFileSync(path);
      const whole = bytes.lastIndexOf(10) + 1;
      if (whole < bytes.byteLength) truncateSync(path, whole);
    }
  }
}

const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
