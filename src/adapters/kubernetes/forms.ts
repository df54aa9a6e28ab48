// SPDX-License-Identifier: Apache-2.0
// Lists and watches in the form in which they came: lines of JSON, or frames of protobuf.
import { KubeFault } from './fault.js';
import { PROTOBUF, readList, readWatchEvent, type Shape } from './protobuf.js';

export interface Page {
  readonly items: readonly unknown[];
  readonly revision: string;
  /** Where the next page goes on; empty on the last. */
  readonly next: string;
}

export interface WatchEvent {
  readonly type?: string;
  readonly object?: { readonly metadata?: { readonly resourceVersion?: string } };
}

export interface Form {
  /** Throws `Garbage`. */
  page(body: Uint8Array): Page;
  /** Complete events of an endless answer; an unfinished last one is dropped. Throws `Garbage`. */
  events(chunks: AsyncIterable<Uint8Array>): AsyncIterable<WatchEvent>;
}

/** Without a shape, and where the server knows no protobuf, all is JSON. */
export function formOf(contentType: string, shape: Shape | undefined): Form {
  return shape !== undefined && contentType.startsWith(PROTOBUF) ? protobufForm(shape) : JSON_FORM;
}

const JSON_FORM: Form = {
  page: (body) => readPage(textOf(body)),
  async *events(chunks) {
    for await (const line of linesOf(chunks)) yield parseEvent(line);
  },
};

function protobufForm(shape: Shape): Form {
  return {
    page(body) {
      const page = whole(body, () => readList(body, shape));
      if (page.revision === '') throw garbage(textOf(body));
      return page;
    },
    async *events(chunks) {
      for await (const frame of framesOf(chunks)) yield whole(frame, () => readWatchEvent(frame, shape));
    },
  };
}

function whole<T>(bytes: Uint8Array, read: () => T): T {
  try {
    return read();
  } catch {
    throw garbage(textOf(bytes));
  }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();

function parseEvent(line: string): WatchEvent {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // Told below.
  }
  throw garbage(line);
}

function readPage(text: string): Page {
  let page: { items?: unknown; metadata?: { resourceVersion?: unknown; continue?: unknown } };
  try {
    page = JSON.parse(text) as typeof page;
  } catch {
    throw garbage(text);
  }
  const revision = page.metadata?.resourceVersion;
  if (typeof revision !== 'string' || revision === '') throw garbage(text);
  const next = page.metadata?.continue;
  return {
    items: Array.isArray(page.items) ? page.items : [],
    revision,
    next: typeof next === 'string' ? next : '',
  };
}

export function garbage(text: string): KubeFault {
  const message = `the API server sent what is no object: ${text.slice(0, 80)}`;
  return new KubeFault({ status: 0, code: 'Garbage', message });
}

export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  // Pieces of one unfinished line; joined once, so that a 1 MB object is not copied per chunk.
  let pieces: string[] = [];
  for await (const chunk of body) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n');
    const rest = parts.pop() as string;
    for (const part of parts) {
      const line = pieces.length === 0 ? part : pieces.join('') + part;
      pieces = [];
      if (line !== '') yield line;
    }
    pieces.push(rest);
  }
}

const LENGTH_BYTES = 4;
/** etcd takes no object above 1.5 MiB by default: a longer frame is none of an API server's. */
const LONGEST_FRAME = 64 << 20;

async function* framesOf(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    pieces.push(chunk);
    length += chunk.length;
    if (length < neededOf(pieces)) continue;
    let rest = pieces.length === 1 ? chunk : Buffer.concat(pieces);
    for (let end = frameEnd(rest); end <= rest.length; end = frameEnd(rest)) {
      yield rest.subarray(LENGTH_BYTES, end);
      rest = rest.subarray(end);
    }
    pieces = rest.length === 0 ? [] : [rest];
    length = rest.length;
  }
}

/** Bytes up to the first frame's end, as far as its length is known: what comes in many chunks is joined once. */
function neededOf([first]: readonly Uint8Array[]): number {
  return first === undefined || first.length < LENGTH_BYTES ? LENGTH_BYTES : frameEnd(first);
}

/** Where the first frame ends; beyond the bytes while its length is not all there. */
function frameEnd(bytes: Uint8Array): number {
  if (bytes.length < LENGTH_BYTES) return Number.POSITIVE_INFINITY;
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0);
  if (length > LONGEST_FRAME) throw garbage(`a frame of ${length} bytes`);
  return LENGTH_BYTES + length;
}
