// SPDX-License-Identifier: Apache-2.0
// What a command may touch, as a port: tests give it buffers.

export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly isTty: boolean;
  readonly hasColour: boolean;
  /** Columns of the terminal as of now; undefined where lines may be as long as they like. */
  width?(): number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user has had enough. */
  readonly stop: AbortSignal;
}

export const EXIT = { ok: 0, refused: 1, usage: 2, fault: 3 } as const;

/** The right answer is no: one sentence, exit code 1. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** The command line is wrong: one sentence, exit code 2. */
export class Misused extends Error {
  override readonly name = 'Misused';
}

/** Somebody else's command has ended with this status, and so shall we. */
export class Ended extends Error {
  override readonly name = 'Ended';

  constructor(readonly status: number) {
    super(`ended with ${status}`);
  }
}

/** What went wrong, in words; a connection tried at several addresses has only a code. */
export function reasonOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  return fault.message || ((fault as NodeJS.ErrnoException).code ?? fault.name);
}

/** Whether it is the address of a server of ours. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}

/** Colours on a terminal only, and never against NO_COLOR (no-color.org: any value but empty). */
export function wantsColour(isTty: boolean, env: Io['env']): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return isTty && env.TERM !== 'dumb';
}

export function processIo(stop: AbortSignal): Io {
  const isTty = process.stdout.isTTY === true;
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    isTty,
    hasColour: wantsColour(isTty, process.env),
    width: () => (isTty ? process.stdout.columns : undefined),
    env: process.env,
    stop,
  };
}
