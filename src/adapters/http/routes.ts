// SPDX-License-Identifier: Apache-2.0
// A few pages by GET, for programs on the node. A page that throws is a 500 with its sentence.
import { type RequestHandler, Router } from 'express';
import { createApp, listen, parseAddress } from './server.js';

export interface Page {
  readonly status?: number;
  readonly contentType: string;
  readonly body: string;
}

/** By path; a page is given what stands behind the `?`. */
export type Routes = Readonly<Record<string, (query: URLSearchParams) => Promise<Page>>>;

export interface Serving {
  /** Where it listens, also when port 0 was asked. */
  readonly url: string;
  close(): Promise<void>;
}

export const json = (value: unknown): Page => ({
  contentType: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});

export const plain = (status: number, sentence: string): Page => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${sentence}\n`,
});

/** `address` is host:port. */
export async function serveRoutes(address: string, routes: Routes): Promise<Serving> {
  const { host, port } = parseAddress(address);
  const listening = await listen(createApp({ routers: [routerOf(routes)] }), { host, port });
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listening.port}`,
    close: () => listening.close(),
  };
}

function routerOf(routes: Routes): Router {
  const router = Router();
  for (const [path, page] of Object.entries(routes)) router.get(path, answering(page));
  return router;
}

function answering(page: Routes[string]): RequestHandler {
  return async (request, response) => {
    const query = new URL(request.originalUrl, 'http://node').searchParams;
    const { status = 200, contentType, body } = await settled(() => page(query));
    response.status(status).set('content-type', contentType).send(body);
  };
}

async function settled(page: () => Promise<Page>): Promise<Page> {
  try {
    return await page();
  } catch (fault) {
    return plain(500, fault instanceof Error ? fault.message : String(fault));
  }
}
