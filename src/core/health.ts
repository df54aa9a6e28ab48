// SPDX-License-Identifier: Apache-2.0
// What a fault means for its device: nothing, a pause after which it is looked at again, or the end until it was reset.
//
//   well ── quarantine fault ──▶ paused ── time is up, and a look finds it well ──▶ well (a new fault soon: twice as long)
//     └──── fatal fault ──▶ out ── it was away from the driver (reset, unplugged), and is back ──▶ well
//
// Faults themselves are a vendor's table (src/vendors). Pods that run are not touched by any of this.

export type Verdict = 'ignore' | 'quarantine' | 'fatal';

/** One thing that may befall a device. */
export interface FaultRule {
  readonly verdict: Verdict;
  /** What it is, for people: goes into the device's reason. */
  readonly text: string;
}

/** What is held against a device. */
export type Condition =
  | { readonly kind: 'paused'; readonly reason: string; readonly untilMs: number; readonly strikes: number }
  | { readonly kind: 'out'; readonly reason: string; readonly wasAway: boolean }
  /** Well, and not forgotten: the next pause is longer. */
  | { readonly kind: 'watched'; readonly strikes: number; readonly sinceMs: number };

export interface HealthRules {
  /** First pause; doubles with each fault that comes before the last one is forgotten. */
  readonly quarantineMs: number;
}

const LONGEST_PAUSE_MS = 3_600_000;
/** So long without a fault, and the next pause is a first one again. */
const FORGET_MS = 3_600_000;

/** null: nothing is held against it. */
export type Held = Condition | null;

/** A fault befell the device. */
export function struck(held: Held, fault: FaultRule, at: { nowMs: number } & HealthRules): Held {
  if (fault.verdict === 'ignore' || held?.kind === 'out') return held;
  if (fault.verdict === 'fatal')
    return { kind: 'out', reason: `${fault.text}; it must be reset`, wasAway: false };
  const strikes = strikesOf(held) + 1;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, at.quarantineMs * 2 ** (strikes - 1));
  const reason = `${fault.text}; looked at again after ${Math.ceil(pauseMs / 1000)} s`;
  return { kind: 'paused', reason, untilMs: at.nowMs + pauseMs, strikes };
}

/** How a look at the devices found it. away: the driver cannot read it, or does not see it. */
export type Sight = 'well' | 'away';

/** A look was taken. */
export function looked(held: Held, sight: Sight, nowMs: number): Held {
  switch (held?.kind) {
    case 'paused':
      if (sight === 'away' || nowMs < held.untilMs) return held;
      return { kind: 'watched', strikes: held.strikes, sinceMs: nowMs };
    case 'out':
      if (sight === 'away') return { ...held, wasAway: true };
      return held.wasAway ? null : held;
    case 'watched':
      return nowMs - held.sinceMs >= FORGET_MS ? null : held;
    default:
      return null;
  }
}

/** Why the device is not to be given; empty where nothing is held against it. */
export const objectionOf = (held: Held): string =>
  held === null || held.kind === 'watched' ? '' : held.reason;

function strikesOf(held: Held): number {
  return held === null || held.kind === 'out' ? 0 : held.strikes;
}
