// SPDX-License-Identifier: Apache-2.0
// Part: whose the time of the devices was. Looks each second, and writes each look down before the next: whoever kills
// us loses one. Told at /v1/ledger?since=MS&until=MS (epoch, both may be left out), and as counters per device.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicNs } from '../../adapters/clock.js';
import { BookFile } from '../../adapters/usage/book-file.js';
import type { Page, Routes } from '../../adapters/http/routes.js';
import { readRegionHead, regionPath } from '../../adapters/region/region-file.js';
import {
  BUCKET_MS,
  countUsage,
  type DeviceSeen,
  emptyUsage,
  nextBucket,
  type Seen,
  type SliceSeen,
  type UsageBucket,
  type UsageLedger,
} from '../../core/usage-ledger.js';
import { type DeviceTotals, NO_TOTALS, ledgerFamilies, addTotals } from '../../observing/ledger-metrics.js';
import type { DeviceReading } from '../../observing/usage.js';
import type { SlotRecord } from '../../wire/slots.js';
import { encodeBuckets } from '../../wire/usage-book.js';
import { startLoop } from './loop.js';
import type { Context, Part } from './part.js';

const LOOK_MS = 1000;
const DAY_MS = 86_400_000;

export function startLedger(context: Context): Part {
  const { options, clock, log, node } = context;
  const file = new BookFile(join(options.stateDir, 'usage'), (what, why) =>
    log.warn({ what, why }, 'the usage book cannot be read in one place, which is left out'),
  );
  const book = new UsageBook(file, clock.now());
  const loop = startLoop({
    ...{ name: 'usage', pauseMs: LOOK_MS, clock, log },
    turn: async () => {
      if (book.count(await look(context)) === 'closed')
        file.forgetBefore(clock.now() - options.usageRetentionDays * DAY_MS);
    },
  });
  return {
    families: () => ledgerFamilies(node, book.totals),
    routes: routesOf(node, book),
    stop: () => loop.stop(),
  };
}

function routesOf(node: string, book: UsageBook): Routes {
  return {
    '/v1/ledger': async (query) => {
      const since = momentOf(query.get('since'), 0);
      const until = momentOf(query.get('until'), Number.MAX_SAFE_INTEGER);
      if (since === null || until === null) return refusal(query);
      return { contentType: 'application/json', body: encodeBuckets(node, book.read(since, until)) };
    },
  };
}

function momentOf(text: string | null, otherwise: number): number | null {
  if (text === null) return otherwise;
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

const refusal = (query: URLSearchParams): Page => ({
  status: 400,
  contentType: 'text/plain; charset=utf-8',
  body: `since is ${query.get('since') ?? 'left out'}, until ${query.get('until') ?? 'left out'}: want milliseconds since 1970\n`,
});

/** The bucket under way in memory and on a page, those closed on disk. */
class UsageBook {
  private ledger: UsageLedger;
  private turn: number;
  /** Since this process started. */
  totals: DeviceTotals = NO_TOTALS;

  constructor(
    private readonly file: BookFile,
    atMs: number,
  ) {
    const page = file.readPage();
    this.ledger = page?.ledger ?? emptyUsage(atMs);
    this.turn = page?.turn ?? 0;
  }

  /** Whether a bucket was closed. */
  count(seen: Seen): 'closed' | 'open' {
    const before = this.ledger;
    this.ledger = countUsage(before, seen);
    this.totals = addTotals(this.totals, before.bucket, this.ledger.bucket);
    const isOver = seen.atMs >= this.ledger.bucket.fromMs + BUCKET_MS;
    if (isOver) {
      this.file.close(this.ledger.bucket);
      this.ledger = nextBucket(this.ledger, seen.atMs);
    }
    this.turn += 1;
    this.file.writePage({ turn: this.turn, ledger: this.ledger });
    return isOver ? 'closed' : 'open';
  }

  read(sinceMs: number, untilMs: number): readonly UsageBucket[] {
    const { bucket } = this.ledger;
    // The bucket that `since` lies in counts whole.
    const from = sinceMs - BUCKET_MS + 1;
    const closed = this.file.read(from, untilMs).filter(({ fromMs }) => fromMs !== bucket.fromMs);
    return bucket.fromMs >= from && bucket.fromMs < untilMs ? [...closed, bucket] : closed;
  }
}

/** It outlives no process. */
const BOOT = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

async function look({ driver, plugin, options, clock }: Context): Promise<Seen> {
  const [{ slots }, devices] = await Promise.all([
    plugin.slots(),
    driver.read().then(
      (told) => told.map(deviceSeen),
      () => null,
    ),
  ]);
  const rows = await Promise.all(slots.map((slot) => slicesSeen(options.stateDir, slot)));
  return {
    atMs: clock.now(),
    upNs: monotonicNs(),
    boot: BOOT,
    devices,
    isPartial: driver.problem !== '',
    slices: rows.flat(),
  };
}

const deviceSeen = ({ id, model, memory, busyPercent }: DeviceReading): DeviceSeen => ({
  ...{ id, model, memory },
  busyShare: busyPercent === null ? null : busyPercent / 100,
});

async function slicesSeen(stateDir: string, slot: SlotRecord): Promise<readonly SliceSeen[]> {
  const region = await readRegionHead(regionPath(stateDir, slot.slot));
  const { pod, container, workload } = slot;
  return slot.slices.map(({ deviceId, memory, cores }, index) => {
    const used = region?.ok === true ? region.value[index] : undefined;
    return {
      ...{ namespace: pod.namespace, pod: pod.name, uid: pod.uid, container, workload },
      ...{ key: `${slot.slot}/${index}`, deviceId, memory, cores },
      busyNs: used?.compute.busyNs ?? null,
      usedBytes: used?.usedBytes ?? 0,
    };
  });
}
