// SPDX-License-Identifier: Apache-2.0
// Keeps us known to the kubelet. Looked at once a second, for nobody tells:
//   kubelet.sock is another file      the kubelet restarted: it removed our socket and forgot us
//   our socket is another file, gone  we serve a name nobody can dial
//   nobody holds ListAndWatch         the kubelet dropped us. 1.36 does so when an older instance's stream ends
//                                     after we registered: runClient then disconnects whoever has the name now
// Then a new instance under a new socket name is served and registered; the old one ends first, for its stream's
// end would take the new one with it.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../src/adapters/clock.js';
import type { PluginServer } from './plugin.js';

export interface RegistrarParts {
  /** <kubelet>/device-plugins */
  readonly folder: string;
  readonly vendor: string;
  readonly clock: Clock;
  readonly serve: (socketPath: string) => Promise<PluginServer>;
  /** Tells the kubelet the socket's file name; throws when it does not take it. */
  readonly register: (kubeletSocket: string, endpoint: string) => Promise<void>;
  readonly onRegistered: (endpoint: string) => void;
  readonly onFault: (what: string, fault: unknown) => void;
}

interface Instance {
  readonly socketPath: string;
  readonly socketMark: string;
  readonly kubeletMark: string;
  readonly server: PluginServer;
  readonly registeredAt: number;
}

const LOOK_MS = 1_000;
/** From registration to the kubelet's ListAndWatch. */
const WATCH_GRACE_MS = 3_000;
const BACKOFF_MAX_MS = 10_000;
/** The kubelet takes note of an ended stream in its own time. */
const PARTING_MS = 300;

export class Registrar {
  private instance: Instance | null = null;
  private isStopped = false;
  private failures = 0;
  private lastFault = 'not registered yet';
  private cancel: () => void = () => {};
  private looking: Promise<void> = Promise.resolve();

  constructor(private readonly parts: RegistrarParts) {}

  /** Also after a stop. */
  start(): void {
    this.isStopped = false;
    this.looking = this.look();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancel();
    await this.looking;
    await this.end();
  }

  /** Why the kubelet does not know us; empty when it does. */
  get problem(): string {
    return this.instance === null ? this.lastFault : '';
  }

  publish(): void {
    this.instance?.server.publish();
  }

  private async look(): Promise<void> {
    let waitMs = LOOK_MS;
    try {
      await this.settle();
      this.failures = 0;
    } catch (fault) {
      this.lastFault = fault instanceof Error ? fault.message : String(fault);
      this.parts.onFault('registration', fault);
      this.failures += 1;
      waitMs = Math.min(BACKOFF_MAX_MS, LOOK_MS * 2 ** (this.failures - 1));
    }
    if (this.isStopped) return;
    this.cancel = this.parts.clock.after(waitMs, () => {
      this.looking = this.look();
    });
  }

  private async settle(): Promise<void> {
    const kubeletMark = await markOf(this.kubeletSocket);
    if (await this.isGood(kubeletMark)) return;
    await this.end();
    if (kubeletMark === null)
      throw new Error(`there is no ${this.kubeletSocket}: the kubelet is not running`);
    this.instance = await this.begin(kubeletMark);
  }

  private async isGood(kubeletMark: string | null): Promise<boolean> {
    const { instance } = this;
    if (instance === null || instance.kubeletMark !== kubeletMark) return false;
    if ((await markOf(instance.socketPath)) !== instance.socketMark) return false;
    return instance.server.watchers > 0 || this.parts.clock.now() - instance.registeredAt < WATCH_GRACE_MS;
  }

  private async begin(kubeletMark: string): Promise<Instance> {
    const { folder, vendor, clock, serve, register, onRegistered } = this.parts;
    await mkdir(folder, { recursive: true });
    await removeDeadSockets(folder, prefixOf(vendor));
    const endpoint = `${prefixOf(vendor)}${randomBytes(4).toString('hex')}.sock`;
    const socketPath = join(folder, endpoint);
    const server = await serve(socketPath);
    try {
      const socketMark = (await markOf(socketPath)) ?? '';
      await register(this.kubeletSocket, endpoint);
      onRegistered(endpoint);
      return { socketPath, socketMark, kubeletMark, server, registeredAt: clock.now() };
    } catch (fault) {
      server.close();
      await rm(socketPath, { force: true });
      throw fault;
    }
  }

  private async end(): Promise<void> {
    const { instance } = this;
    this.instance = null;
    if (instance === null) return;
    const hadWatchers = instance.server.watchers > 0;
    instance.server.close();
    await rm(instance.socketPath, { force: true });
    if (hadWatchers && !this.isStopped)
      await new Promise<void>((resolve) => this.parts.clock.after(PARTING_MS, resolve));
  }

  private get kubeletSocket(): string {
    return join(this.parts.folder, 'kubelet.sock');
  }
}

/** Short: the folder's path and this must fit 107 bytes. */
export const prefixOf = (vendor: string): string =>
  `kerf-${vendor.length <= 12 ? vendor : createHash('sha256').update(vendor).digest('hex').slice(0, 12)}-`;

/** Which file stands at a path; inode numbers come back, times do not. null: none. */
async function markOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? null : `${found.dev}:${found.ino}:${found.birthtimeNs}:${found.ctimeNs}`;
}

/** Sockets that instances left when they were killed. One that answers belongs to a living instance. */
async function removeDeadSockets(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix) || !name.endsWith('.sock')) continue;
    const path = join(folder, name);
    if (!(await isServed(path))) await rm(path, { force: true });
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
