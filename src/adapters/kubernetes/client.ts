// SPDX-License-Identifier: Apache-2.0
// The thin way to the API server: JSON text in and out over a few kept-alive connections.
// No discovery, no model classes: a reader parses what it needs.
import { request } from 'undici';
import { type Clock, systemClock } from '../clock.js';
import { type Access, AccessKeeper } from './access.js';
import type { Credentials } from './credentials.js';
import { exchange, type Reply } from './exchange.js';
import { faultOf, KubeFault } from './fault.js';
import { linesOf } from './forms.js';
import { PROTOBUF, readStatus } from './protobuf.js';

export interface KubeCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Already JSON. */
  readonly body?: string;
  /** Of the body; application/json when absent (a PATCH must say which kind it is). */
  readonly contentType?: string;
  /** Of the answer; application/json when absent. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** How long to wait for the answer; 15 s when absent. A stream's body may take for ever. */
  readonly timeoutMs?: number;
}

export interface KubeClient {
  /** The answer's body of a 2xx; throws KubeFault otherwise. 429 is retried as the server asks. */
  send(call: KubeCall): Promise<string>;
  /** The same as it came, in whichever of the forms in `accept` the server chose. */
  bytes(call: KubeCall): Promise<{ readonly contentType: string; readonly body: Uint8Array }>;
  /** Complete lines of an endless answer (watch); an unfinished last line is dropped. */
  lines(call: KubeCall): Promise<AsyncIterable<string>>;
  /** An endless answer as it comes. */
  stream(
    call: KubeCall,
  ): Promise<{ readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> }>;
  close(): Promise<void>;
}

export interface KubeClientOptions {
  readonly credentials: Credentials;
  readonly clock?: Clock;
  /** User-Agent: the audit log tells our programs apart by it. */
  readonly agent: string;
  /** Parallel connections for short calls (16 when absent); watches take one each beside. */
  readonly connections?: number;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const RETRIES_429 = 4;

export function createKubeClient(options: KubeClientOptions): KubeClient {
  return new HttpKubeClient(options);
}

class HttpKubeClient implements KubeClient {
  private readonly clock: Clock;
  private readonly keeper: AccessKeeper;
  private readonly origin: string;
  /** A proxy in front of several clusters tells them apart by it; mostly empty. */
  private readonly prefix: string;

  constructor(private readonly options: KubeClientOptions) {
    const { origin, pathname } = new URL(options.credentials.server);
    this.origin = origin;
    this.prefix = pathname.replace(/\/+$/, '');
    this.clock = options.clock ?? systemClock;
    this.keeper = new AccessKeeper(options.credentials, this.clock, options.connections ?? 16);
  }

  async send(call: KubeCall): Promise<string> {
    return (await this.answered((access) => this.exchange(call, access))).body.toString();
  }

  async bytes(call: KubeCall): Promise<{ readonly contentType: string; readonly body: Uint8Array }> {
    const { headers, body } = await this.answered((access) => this.exchange(call, access));
    return { contentType: contentTypeOf(headers), body };
  }

  async lines(call: KubeCall): Promise<AsyncIterable<string>> {
    return linesOf((await this.stream(call)).chunks);
  }

  async stream(
    call: KubeCall,
  ): Promise<{ readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> }> {
    const { headers, stream } = await this.answered((access) => this.open(call, access));
    return { contentType: contentTypeOf(headers), chunks: stream };
  }

  close(): Promise<void> {
    return this.keeper.close();
  }

  private async answered<T extends Reply>(ask: (access: Access) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const answer = await ask(await this.access());
      const { status, headers } = answer;
      if (status < 300) return answer;
      if (status === 401 && attempt === 0) this.keeper.expire();
      else if (status !== 429 || attempt >= RETRIES_429) throw faultOf(status, sentenceIn(answer));
      else await pause(this.clock, headers['retry-after']);
    }
  }

  /** A token file that is just being renewed, or an exec plugin that fails, is the world's fault like any other. */
  private async access(): Promise<Access> {
    try {
      return await this.keeper.open();
    } catch (cause) {
      const told = cause instanceof Error ? cause.message : String(cause);
      const message = `the credentials for the API server cannot be read: ${told}`;
      throw new KubeFault({ status: 0, code: 'NoCredentials', message }, cause);
    }
  }

  private async exchange(call: KubeCall, access: Access): Promise<Reply> {
    const { method, body, signal } = call;
    try {
      return await exchange(access.calls, {
        ...{ origin: this.origin, path: this.prefix + pathOf(call), method },
        headers: this.headersOf(call, access),
        timeoutMs: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      throw unreachable(cause);
    }
  }

  private async open(call: KubeCall, access: Access): Promise<StreamAnswer> {
    try {
      const { statusCode, headers, body } = await request(this.origin + this.prefix + pathOf(call), {
        method: call.method,
        dispatcher: access.streams,
        headers: this.headersOf(call, access),
        headersTimeout: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        bodyTimeout: 0,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      const told = statusCode < 300 ? NOTHING : Buffer.from(await body.bytes());
      return { status: statusCode, headers, stream: body, body: told };
    } catch (cause) {
      throw unreachable(cause);
    }
  }

  private headersOf(call: KubeCall, access: Access): Record<string, string> {
    const headers: Record<string, string> = {
      ...access.headers,
      'user-agent': this.options.agent,
      accept: call.accept ?? 'application/json',
    };
    if (call.body !== undefined) headers['content-type'] = call.contentType ?? 'application/json';
    return headers;
  }
}

interface StreamAnswer extends Reply {
  readonly stream: AsyncIterable<Uint8Array>;
}

const NOTHING = Buffer.alloc(0);

function contentTypeOf(headers: Reply['headers']): string {
  const value = headers['content-type'];
  return typeof value === 'string' ? value : '';
}

/** A refusal comes in the form that was asked for. */
function sentenceIn({ headers, body }: Reply): string {
  if (!contentTypeOf(headers).startsWith(PROTOBUF)) return body.toString();
  try {
    return JSON.stringify(readStatus(body));
  } catch {
    return body.toString();
  }
}

function pathOf({ path, query }: KubeCall): string {
  const text = query === undefined ? '' : new URLSearchParams(query).toString();
  return text === '' ? path : `${path}?${text}`;
}

function unreachable(cause: unknown): KubeFault {
  const told = cause as { code?: string; message?: string };
  const message = `the API server cannot be reached: ${told.message || told.code || String(cause)}`;
  return new KubeFault({ status: 0, code: 'Unreachable', message }, cause);
}

function pause(clock: Clock, retryAfter: string | string[] | undefined): Promise<void> {
  const seconds = Number(retryAfter ?? 1);
  const ms = Number.isFinite(seconds) ? Math.min(5, Math.max(0.1, seconds)) * 1000 : 1000;
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
