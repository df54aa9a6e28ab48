// SPDX-License-Identifier: Apache-2.0
import { Agent, request } from 'undici';
import type { Identity } from './certs.js';

export interface ApiAnswer {
  readonly status: number;
  // The shape is Kubernetes' and the caller's to know.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** E.g. `/api/v1/nodes?limit=1`. */
  readonly path: string;
  readonly body?: unknown;
  /** For PATCH; default a JSON merge patch. */
  readonly contentType?: string;
}

/** A thin client of one API server as one user; as many requests at once as the caller makes. */
export class Api {
  readonly #agent: Agent;

  constructor(
    readonly url: string,
    caPem: string,
    identity: Identity,
  ) {
    const connect = { ca: caPem, cert: identity.certPem, key: identity.keyPem };
    this.#agent = new Agent({ connect, connections: 16, keepAliveTimeout: 1000 });
  }

  async call(want: ApiRequest): Promise<ApiAnswer> {
    const patch = want.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const answer = await request(`${this.url}${want.path}`, {
      method: want.method,
      dispatcher: this.#agent,
      headers: { 'content-type': want.contentType ?? patch, accept: 'application/json' },
      ...(want.body === undefined ? {} : { body: JSON.stringify(want.body) }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: parse(text) };
  }

  close(): Promise<void> {
    return this.#agent.close();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // /readyz answers in words
  }
}
