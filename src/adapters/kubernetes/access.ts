// SPDX-License-Identifier: Apache-2.0
import type { ConnectionOptions } from 'node:tls';
import { Agent, buildConnector } from 'undici';
import type { Clock } from '../clock.js';
import type { Credentials } from './credentials.js';

/** Connections and headers as of now. */
export interface Access {
  /** Short calls: capped, so that a burst queues here and not at the server. */
  readonly calls: Agent;
  /** Endless answers: a connection each. */
  readonly streams: Agent;
  readonly headers: Readonly<Record<string, string>>;
}

const FRESH_MS = 60_000;
/** The API server closes idle connections after 90 s: we let go earlier, or a POST meets a closed socket. */
const KEEP_ALIVE_MS = 60_000;

/** Keeps connections as long as the certificates stay the same; reads tokens again after a minute. */
export class AccessKeeper {
  private access: (Access & { readonly mark: string }) | null = null;
  private readAt = 0;
  private reading: Promise<Access> | null = null;

  constructor(
    private readonly credentials: Credentials,
    private readonly clock: Clock,
    private readonly connections: number,
  ) {}

  async open(): Promise<Access> {
    if (this.access !== null && this.clock.now() - this.readAt < FRESH_MS) return this.access;
    this.reading ??= this.read().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  /** The next open reads the credentials again. */
  expire(): void {
    this.readAt = 0;
  }

  async close(): Promise<void> {
    const { access } = this;
    this.access = null;
    await access?.calls.destroy();
    await access?.streams.destroy();
  }

  private async read(): Promise<Access> {
    const { tls, headers } = await this.credentials.read();
    const mark = markOf(tls);
    const old = this.access;
    this.readAt = this.clock.now();
    if (old !== null && old.mark === mark) {
      this.access = { ...old, headers };
      return this.access;
    }
    // New certificates need new connections; the old ones end by themselves once their streams do.
    void old?.calls.close();
    void old?.streams.close();
    this.access = { calls: agentOf(tls, this.connections), streams: agentOf(tls, null), headers, mark };
    return this.access;
  }
}

function agentOf(tls: ConnectionOptions, connections: number | null): Agent {
  const connect = { ...tls, timeout: 5_000, keepAlive: true, keepAliveInitialDelay: 15_000 };
  return new Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: buildConnector(connect as buildConnector.BuildOptions),
  });
}

function markOf(tls: ConnectionOptions): string {
  return [tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized].map(String).join('|');
}
