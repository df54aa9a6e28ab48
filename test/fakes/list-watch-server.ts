// SPDX-License-Identifier: Apache-2.0
// A server that speaks list and watch as scripted, to show a reflector the rare ways in which one fails.
// The everyday ways are shown by the real API server (test/e2e).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Credentials } from '../../src/adapters/kubernetes/credentials.js';

export type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export interface ListWatchServer {
  readonly credentials: Credentials;
  /** Queries seen, in order. */
  readonly calls: URLSearchParams[];
  /** What the next list or watch gets; when the script is empty, a watch hangs and a list is empty. */
  readonly lists: Answer[];
  readonly watches: Answer[];
  /** The watch that hangs now. */
  open(): ServerResponse | undefined;
  close(): Promise<void>;
}

export async function startListWatchServer(): Promise<ListWatchServer> {
  const calls: URLSearchParams[] = [];
  const lists: Answer[] = [];
  const watches: Answer[] = [];
  let hanging: ServerResponse | undefined;
  const hang: Answer = (_request, response) => {
    hanging = response;
    response.writeHead(200).flushHeaders();
  };
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://test');
    calls.push(url.searchParams);
    const isWatch = url.searchParams.get('watch') === '1';
    const answer = (isWatch ? watches : lists).shift() ?? (isWatch ? hang : listOf([], '1'));
    answer(request, response, url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    credentials: { server: `http://127.0.0.1:${port}`, read: async () => ({ tls: {}, headers: {} }) },
    calls,
    lists,
    watches,
    open: () => hanging,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function anObject(name: string, resourceVersion: string): object {
  return { metadata: { name, resourceVersion } };
}

export function listOf(items: readonly object[], resourceVersion: string, next?: string): Answer {
  return (_request, response) => {
    response.writeHead(200).end(JSON.stringify({ metadata: { resourceVersion, continue: next }, items }));
  };
}

/** Tells lines, then ends the stream well. */
export function watchOf(...lines: readonly (object | string)[]): Answer {
  return (_request, response) => {
    response.writeHead(200);
    for (const line of lines) response.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
    response.end();
  };
}

export function refusal(code: number): Answer {
  return (_request, response) => {
    response.writeHead(code).end(JSON.stringify({ kind: 'Status', code, reason: 'Scripted', message: 'no' }));
  };
}

/** Begins an answer and cuts the connection. */
export const cut: Answer = (_request, response) => {
  response.writeHead(200).flushHeaders();
  response.write('{"type":"ADD');
  setImmediate(() => response.destroy());
};
