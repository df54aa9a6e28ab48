// SPDX-License-Identifier: Apache-2.0
// Counts a second of one device per turn, as fast as the disk takes it, going on where the book ends; says each turn that it
// has written. For book-file.test.ts, which kills it.
import { BookFile } from '../../../../src/adapters/usage/book-file.js';
import { BUCKET_MS, countUsage, emptyUsage, nextBucket } from '../../../../src/core/usage-ledger.js';
import { mib } from '../../../../src/core/units.js';

const book = new BookFile(process.argv[2] ?? '', () => undefined);
const page = book.readPage();
let ledger = page?.ledger ?? emptyUsage(0);
const devices = [{ id: 'GPU-1', model: 'A100', memory: mib(40_960), busyShare: null }];
for (let turn = (page?.turn ?? 0) + 1; ; turn += 1) {
  const upNs = turn * 1e9;
  // A bucket of ten turns, so that many are closed.
  const atMs = Math.floor(turn / 10) * BUCKET_MS;
  ledger = countUsage(ledger, { atMs, upNs, boot: 'b', devices, isPartial: false, slices: [] });
  if (atMs >= ledger.bucket.fromMs + BUCKET_MS) {
    book.close(ledger.bucket);
    ledger = nextBucket(ledger, atMs);
  }
  book.writePage({ turn, ledger });
  process.stdout.write(`${turn}\n`);
}
