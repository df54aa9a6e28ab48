// SPDX-License-Identifier: Apache-2.0
// What every vendor's probe tells, whoever asks: test/contract/probes.test.ts holds each to it.
import type { LinkWord } from '../../wire/links.js';

export interface ProbedDevice {
  readonly index: number;
  /** Of the device for ever, and on no other; empty where the device cannot even be named (it fell off the bus). */
  readonly uuid: string;
  /** Number in its device node's name. */
  readonly minor: number;
  readonly name: string;
  readonly pciBusId: string;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  /** Null where the platform does not tell. */
  readonly numaNode: number | null;
  /** Share of the last sample in which something ran; null where it is not measured. */
  readonly utilizationPercent: number | null;
  /** The library's name of the first thing that failed on this device; null when all was read. */
  readonly error: string | null;
  /** What the driver has cut it to, where it is used through these alone; null or absent: it is used as it is. */
  readonly instances?: readonly ProbedInstance[] | null;
}

/** A part of a device that the driver has cut off in hardware. */
export interface ProbedInstance {
  readonly uuid: string;
  readonly gpuInstance: number;
  readonly computeInstance: number;
  /** Of the seven that a device has. */
  readonly gpuSlices: number;
  readonly computeSlices: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
}

/** Id → id of another device → what they are to one another; the same both ways. */
export type Peers = ReadonlyMap<string, ReadonlyMap<string, LinkWord>>;

export interface DeviceProbe {
  /** All devices of the vendor. Rejects with a ProbeFault. */
  devices(): Promise<readonly ProbedDevice[]>;
  /** How they are linked; a pair of which nothing is told is left out. Rejects with a ProbeFault. */
  peers(): Promise<Peers>;
  driverVersion(): Promise<string>;
  /** Where a library sees only the devices that were there when it was opened: the next question opens it anew. */
  renew?(): Promise<void>;
  /** Ends the child; nothing can be asked afterwards. */
  close(): Promise<void>;
  /** Of the living child, for people and tests. */
  readonly childPid: number | undefined;
}

/** The world is broken: the library's own error name, or one of ours. */
export class ProbeFault extends Error {
  override readonly name: string = 'ProbeFault';

  constructor(
    /** The library's own, or <LIBRARY>_TIMEOUT, _CHILD_GONE, _BACKOFF, _RENEWED, _CLOSED. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface ChildRequest {
  readonly id: number;
  readonly verb: string;
  readonly argument: string;
}

export type ChildResponse =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string };

/** Unasked, once `watch` was answered. */
export interface ChildNotice {
  readonly event: unknown;
}
