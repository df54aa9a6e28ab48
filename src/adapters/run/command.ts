// SPDX-License-Identifier: Apache-2.0
// Starts the command of a slice and stands between it and whoever started us: signals go in, the status comes out.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { SCRIPT } from './script.js';
import type { Env } from './slices.js';

export interface SliceCommand {
  readonly slice: string;
  readonly libraries: string;
  readonly state: string;
  readonly region: string;
  readonly isRoot: boolean;
  readonly deviceId: string;
  readonly command: readonly string[];
  readonly env: Env;
}

export interface Started {
  readonly pid: number;
  /** As /proc/<pid>/ns/mnt reads. */
  readonly mountNamespace: string;
  /** As a shell tells it: 128 + the signal's number where one ended it. */
  readonly status: Promise<number>;
}

/** An ordinary user is himself in a user namespace that may mount; the command has no right there any more. */
const UNSHARE = {
  root: ['--mount', '--propagation', 'slave'],
  user: ['--user', '--map-current-user', '--keep-caps', '--mount', '--propagation', 'slave'],
} as const;

/** A terminal sends these to its whole foreground group: they reach the command without us. */
const OF_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
const FORWARDED: readonly NodeJS.Signals[] = [
  ...OF_TERMINAL,
  'SIGTERM',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
];

/** Throws where the slice cannot be entered. */
export async function startCommand(wish: SliceCommand): Promise<Started> {
  const who = wish.isRoot ? 'root' : 'user';
  const args = [wish.slice, wish.libraries, wish.state, wish.region, who, ...wish.command];
  openStreams();
  const child = spawn('unshare', [...UNSHARE[who], 'sh', '-c', SCRIPT, 'kerf-slice', ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    // Programs then see one device and not others that refuse them; what the user said stands.
    env: { CUDA_VISIBLE_DEVICES: wish.deviceId, ...wish.env },
  });
  const stopForwarding = forwardSignals(child);
  const status = statusOf(child).finally(stopForwarding);
  const word = await firstWord(child, status);
  if (word.startsWith('ready ') && child.pid !== undefined)
    return { pid: child.pid, mountNamespace: word.slice('ready '.length), status };
  await status;
  throw new Error(
    word.startsWith('fault ') ? `no slice can be made here: ${word.slice('fault '.length)}` : NO_NAMESPACE,
  );
}

/**
 * Node makes a pipe non-blocking when it first touches one of these, for whoever shares it, and spawn makes it blocking
 * again. So: before, never after; and stdin not at all, whose end the command would see at its first read.
 */
function openStreams(): void {
  void process.stdout;
  void process.stderr;
}

const NO_NAMESPACE =
  'no slice can be made here: this user may not make namespaces (see user.max_user_namespaces and what guards them), or unshare of util-linux ≥ 2.36 is missing: run as root';

function firstWord(child: ChildProcess, status: Promise<number>): Promise<string> {
  let text = '';
  const word = child.stdio[3] as Readable;
  word.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  const closed = new Promise<void>((resolve) => word.once('close', resolve));
  return Promise.race([closed, status]).then(() => text.trim());
}

function statusOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

function forwardSignals(child: ChildProcess): () => void {
  const isTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  const handlers = FORWARDED.map((signal) => {
    const handler = (): void => {
      if (!isTerminal || !OF_TERMINAL.includes(signal)) child.kill(signal);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const off of handlers) off();
  };
}
