// SPDX-License-Identifier: Apache-2.0
// Words of the reconciler: what it reads, what it may find, and whom that concerns.
import type { HoldingProcess } from '../core/given.js';
import type { Result } from '../core/result.js';
import type { LimitsPage } from '../wire/limits.js';
import type { Region } from '../wire/region.js';
import type { PodName, SlotRecord } from '../wire/slots.js';

export const ESCAPE_REASONS = [
  /** The driver counts more for a slice than its region admits. */
  'Drift',
  /** The driver counts more for a slice than it was ever given. */
  'OverLimit',
  /** A process of a sliced container uses the device, and the library is not in it. */
  'MissingLibrary',
  /** A process holds memory of a device where nobody gave its pod a slice. */
  'UnknownProcess',
  /** A region is gone, cut, grown, or no region any more. */
  'RegionUnreadable',
  /** A region does not add up. */
  'RegionEdited',
  /** A limits page does not say what the node's agent wrote. */
  'PageEdited',
] as const;

export type EscapeReason = (typeof ESCAPE_REASONS)[number];

/** A process that holds memory of a device: what the driver says of it, and what the kernel does. */
export interface Holder extends HoldingProcess {
  readonly pid: number;
  /** Tells a reused pid. */
  readonly startTicks: number;
  /** Its pid where it lives. */
  readonly innerPid: number;
  /** It announced itself, or the library is mapped in it. */
  readonly hasLibrary: boolean;
}

/** One slot's files as they lie there now. */
export interface SlotFiles {
  /** null: there is none. */
  readonly region: Result<Region, string> | null;
  readonly page: Result<LimitsPage, string> | null;
  /** Per device index: what is used did not change while the driver was asked. */
  readonly isSteady: readonly boolean[];
}

export interface Sight {
  readonly node: string;
  /** Of now: an agent that does not answer may have given slices since. */
  readonly isCurrent: boolean;
  readonly slots: readonly SlotRecord[];
  readonly files: ReadonlyMap<string, SlotFiles>;
  readonly holders: readonly Holder[];
}

/** Something that looks like an escape. What it is said of must look so again before it counts. */
export interface Suspicion {
  /** The same as long as it is the same thing. */
  readonly key: string;
  readonly reason: EscapeReason;
  readonly sentence: string;
  /** null: no pod of ours, so it is the node's. */
  readonly pod: PodName | null;
  /** Empty where the pod is not ours, or the whole pod is concerned. */
  readonly container: string;
  readonly slot: string;
  /** Whom to stop, if the policy says so: processes of that pod. */
  readonly culprits: readonly Holder[];
  /** What was compared stood still meanwhile. */
  readonly isSteady: boolean;
}

/** What the driver counts for a slice beyond what its region admits, for people to see. */
export interface Drift {
  readonly slot: string;
  readonly deviceId: string;
  readonly bytes: number;
}
