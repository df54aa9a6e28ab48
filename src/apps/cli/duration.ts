// SPDX-License-Identifier: Apache-2.0
import { Misused } from './io.js';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Epoch ms of `24h` (so long before now) or of an RFC 3339 moment. `flag` is where the user wrote it. */
export function momentOf(flag: string, text: string, nowMs: number): number {
  const ago = /^(\d{1,6}(?:\.\d+)?)([smhd])$/.exec(text);
  if (ago !== null) return Math.round(nowMs - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0));
  const moment = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  throw new Misused(`${flag} is ${text}: want a time such as 90m, 24h or 7d, or 2026-11-21T08:00:00Z`);
}
