// SPDX-License-Identifier: Apache-2.0
// What `kerf doctor` looks at: a list of checks, each of which looks at one thing of this node and changes nothing.
import type { Vendor } from '../../vendors/index.js';
import type { Clock } from '../clock.js';
import type { RuntimeTold } from '../cri/runtime.js';
import type { DeviceProbe } from '../probes/contract.js';

export type Verdict = 'ok' | 'warn' | 'fail' | 'skipped';

export interface Finding {
  readonly verdict: Verdict;
  /** What was seen, one sentence without its full stop. */
  readonly told: string;
  /** What to do; empty where nothing is to be done. */
  readonly remedy: string;
}

/** Where the things of this node lie; as the device plugin is told. */
export interface Places {
  readonly vendor: Vendor;
  /** The vendor's; closed by whoever opened it. */
  readonly openProbe: () => DeviceProbe;
  readonly askRuntime: (socket: string) => Promise<RuntimeTold>;
  readonly libraryDir: string;
  readonly kubeletDir: string;
  readonly stateDir: string;
  readonly cdiDir: string;
  readonly vendorCdiDirs: readonly string[];
  readonly criSocket: string;
  readonly procDir: string;
  readonly cgroupDir: string;
  /** Where who keeps the clock leaves its mark: systemd/timesync/synchronized. */
  readonly runDir: string;
  /** Of the vendor's own container runtime. */
  readonly runtimeConfig: string;
  readonly clock: Pick<Clock, 'now'>;
}

export interface Check {
  readonly name: string;
  /** Told in docs/doctor.md. */
  readonly about: string;
  /** What it throws is a failure, in its words. */
  look(places: Places): Promise<Finding> | Finding;
}

export const ok = (told: string): Finding => ({ verdict: 'ok', told, remedy: '' });
export const skipped = (told: string): Finding => ({ verdict: 'skipped', told, remedy: '' });
export const warn = (told: string, remedy: string): Finding => ({ verdict: 'warn', told, remedy });
export const fail = (told: string, remedy: string): Finding => ({ verdict: 'fail', told, remedy });

export const reasonOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));
