// SPDX-License-Identifier: Apache-2.0
// Express servers as Kerf wants them: text bodies (each letter parses itself), connections kept longer than
// Go's HTTP client keeps them idle (90 s), or its next POST meets a closing socket and is not repeated.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import express, { type ErrorRequestHandler, type Express, type Router } from 'express';

/**
 * The largest body of names that kube-scheduler may send: a pod of 1.5 MiB of which every character is escaped
 * (`\u003c`), and 5 000 names of 253. What is larger comes with full Node objects, which we refuse anyway; and 30 MB
 * of brackets would be 800 MB of lists, seconds to read.
 */
export const BODY_LIMIT_BYTES = 12 * 2 ** 20;
const KEEP_ALIVE_MS = 120_000;

export interface AppOptions {
  readonly routers: readonly Router[];
  /** Last, for what the routers let through (a body too large, a bug). */
  readonly onError?: ErrorRequestHandler;
}

export function createApp({ routers, onError }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  for (const router of routers) app.use(router);
  app.use((request, response) => {
    response.status(404).type('text/plain').send(`no such page: ${request.path}\n`);
  });
  if (onError !== undefined) app.use(onError);
  return app;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9480`, `[::1]:9480` or `:9480` (all addresses). */
export function parseAddress(text: string): Address {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new Error(`"${text}" is no address: want host:port`);
  const host = (match[1] as string).replace(/^\[|\]$/g, '');
  return { host: host === '' ? '0.0.0.0' : host, port };
}

export interface Listening {
  readonly port: number;
  readonly server: Server;
  /** Answers what has begun, then closes; connections still open after `graceMs` are cut. */
  close(graceMs?: number): Promise<void>;
}

/** Plain HTTP unless a server is given (adapters/http/tls makes one). */
export async function listen(
  app: RequestListener,
  { host, port }: Address,
  given?: Server,
): Promise<Listening> {
  const server = given ?? createServer(app);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = KEEP_ALIVE_MS + 5_000;
  server.on('connection', (socket: Socket) => socket.setNoDelay(true));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return { port: (server.address() as AddressInfo).port, server, close: (graceMs) => close(server, graceMs) };
}

function close(server: Server, graceMs = 2_000): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
