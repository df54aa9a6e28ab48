// SPDX-License-Identifier: Apache-2.0
// HTTPS whose certificate may be renewed while it serves: new connections get the new one, none is cut.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { RequestListener } from 'node:http';
import { createSecureContext } from 'node:tls';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsOptions extends TlsFiles {
  /** How often the files are looked at; a mounted Secret changes by a renamed link, which no watch sees surely. */
  readonly everyMs: number;
  readonly onReload?: () => void;
  /** A half-written pair: the last good one stays. */
  readonly onFault?: (fault: unknown) => void;
}

export interface TlsServer {
  readonly server: Server;
  /** Looks at the files now; true when a new pair was taken. Throws where the pair is no good. */
  readonly reload: () => boolean;
  /** Ends the watching; the server is closed by its owner. */
  readonly stop: () => void;
}

/** Go keeps idle connections 90 s: outlast it, or it writes into a socket that was just closed. */
const KEEP_ALIVE_MS = 120_000;

/** Throws where the files cannot be read or do not belong together. Does not listen yet. */
export function tlsServer(listener: RequestListener, options: TlsOptions): TlsServer {
  let pair = readPair(options);
  const server = createServer({ ...pair, minVersion: 'TLSv1.2' }, listener);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = KEEP_ALIVE_MS + 5_000;
  const reload = (): boolean => {
    const next = readPair(options);
    if (next.cert === pair.cert && next.key === pair.key) return false;
    createSecureContext(next);
    server.setSecureContext({ ...next, minVersion: 'TLSv1.2' });
    pair = next;
    options.onReload?.();
    return true;
  };
  const timer = setInterval(() => attempt(reload, options.onFault), options.everyMs);
  timer.unref();
  return { server, reload, stop: () => clearInterval(timer) };
}

function attempt(act: () => unknown, onFault: TlsOptions['onFault']): void {
  try {
    act();
  } catch (fault) {
    onFault?.(fault);
  }
}

function readPair({ certFile, keyFile }: TlsFiles): { readonly cert: string; readonly key: string } {
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}
