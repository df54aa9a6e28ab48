// SPDX-License-Identifier: Apache-2.0
// Where libkerf says that it is there: each process that starts to use a device connects once to a socket that its
// slot shows it, and hangs up. Nothing is read. Who called is what the kernel says of the connection (SO_PEERCRED), in
// our own pid namespace.
//
// Anybody in a container may call, and as often as he likes: a call proves little, and silence proves nothing.
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Clock } from '../clock.js';

export interface Announcements {
  has(pid: number, startTicks: number): boolean;
  stop(): Promise<void>;
}

export interface ListenerOptions {
  readonly path: string;
  readonly clock: Clock;
  /** 0: there is no such process. */
  readonly startTicksOf: (pid: number) => number;
  readonly onFault: (fault: unknown) => void;
}

/** Remembered; the oldest is forgotten, and the processes' own memory tells the same. */
const MOST = 4096;
/** A machine starts fewer processes: who calls more often is not served for a while. */
const CALLS_PER_SECOND = 500;
const SHUT_MS = 1_000;

type PidOf = (descriptor: number) => number;

export async function listenForAnnouncements(options: ListenerOptions): Promise<Announcements> {
  const listener = new Listener(options, await peerPid());
  listener.open();
  return listener;
}

/** Node does not tell SO_PEERCRED; libc does. struct ucred is three 32-bit words, the pid first. */
async function peerPid(): Promise<PidOf> {
  const { default: koffi } = await import('koffi');
  const SOL_SOCKET = 1;
  const SO_PEERCRED = 17;
  const getsockopt = koffi
    .load('libc.so.6')
    .func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)');
  return (descriptor) => {
    const credentials = Buffer.alloc(12);
    const code = getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, [credentials.byteLength]);
    return code === 0 ? credentials.readInt32LE(0) : 0;
  };
}

class Listener implements Announcements {
  private readonly seen = new Map<number, number>();
  private server: Server | null = null;
  private cancel: () => void = () => undefined;
  private calls = { since: 0, count: 0 };

  constructor(
    private readonly options: ListenerOptions,
    private readonly pidOf: PidOf,
  ) {}

  open(): void {
    const { path, onFault } = this.options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    rmSync(path, { force: true });
    const server = createServer({ pauseOnConnect: true }, (socket) => this.called(socket));
    server.on('error', onFault);
    server.listen({ path, readableAll: true, writableAll: true });
    this.server = server;
  }

  has(pid: number, startTicks: number): boolean {
    return startTicks > 0 && this.seen.get(pid) === startTicks;
  }

  stop(): Promise<void> {
    this.cancel();
    const { server } = this;
    this.server = null;
    return new Promise((resolve) => {
      if (server === null) resolve();
      else server.close(() => resolve());
    });
  }

  private called(socket: Socket): void {
    const { fd } = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle ?? {};
    const pid = fd === undefined ? 0 : this.pidOf(fd);
    socket.on('error', () => undefined);
    socket.destroy();
    if (pid > 0) this.remember(pid);
    if (this.isTooOften()) this.shut();
  }

  private remember(pid: number): void {
    this.seen.delete(pid);
    this.seen.set(pid, this.options.startTicksOf(pid));
    const oldest = this.seen.keys().next().value;
    if (this.seen.size > MOST && oldest !== undefined) this.seen.delete(oldest);
  }

  private isTooOften(): boolean {
    const now = this.options.clock.now();
    if (now - this.calls.since >= 1_000) this.calls = { since: now, count: 0 };
    this.calls.count += 1;
    return this.calls.count > CALLS_PER_SECOND;
  }

  private shut(): void {
    if (this.server === null) return;
    this.server.close();
    this.server = null;
    this.cancel = this.options.clock.after(SHUT_MS, () => this.open());
  }
}
