// SPDX-License-Identifier: Apache-2.0
// Wall of rooms 2 to 4: what kube-scheduler asks. Always 200: of any other status kube-scheduler reports the
// number and drops our sentence.
//
// Two or three calls a pod, and kube-scheduler waits for each: so the verbs are answered before express sees them
// (its routing and body parsing cost as much as the answer; docs/decisions/0015).
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Result } from '../../core/result.js';
import {
  type BindAsk,
  decodeArgs,
  decodeBindArgs,
  encodeBind,
  encodeFilter,
  encodeFilterError,
  encodeScores,
  type FilterAnswer,
  type FilterAsk,
  type HostScore,
} from '../../wire/extender.js';
import { BODY_LIMIT_BYTES } from './server.js';

export type Verb = 'filter' | 'prioritize' | 'bind';
export type Outcome = 'ok' | 'refused' | 'error';

/** What the door joins to this wall. */
export interface ExtenderPorts {
  /** A sentence while we may not answer (watches not synced, stopping); null when we may. */
  readonly notReady: () => string | null;
  /** A sentence where nothing can be said yet: the pod is then tried again with backoff. */
  readonly filter: (ask: FilterAsk) => FilterAnswer | string | Promise<FilterAnswer | string>;
  readonly prioritize: (ask: FilterAsk) => readonly HostScore[];
  /** Empty: bound. */
  readonly bind: (ask: BindAsk) => Promise<string>;
  readonly onAnswer: (verb: Verb, outcome: Outcome, ms: number) => void;
  /** A bug in a verb: answered as an error, and reported. */
  readonly onFault: (fault: unknown) => void;
}

interface Answer {
  readonly body: string;
  readonly outcome: Outcome;
}

type Handler = (text: string, ports: ExtenderPorts) => Answer | Promise<Answer>;

const FAULT = 'Kerf could not decide because of a fault of its own; see its log';

/** How each verb says that it could not decide. Prioritize cannot: it likes all nodes alike. */
const SAY_ERROR: Readonly<Record<Verb, (sentence: string) => string>> = {
  filter: encodeFilterError,
  prioritize: () => encodeScores([]),
  bind: encodeBind,
};

const HANDLERS: Readonly<Record<Verb, Handler>> = {
  async filter(text, ports) {
    const ask = decodeArgs(text);
    if (!ask.ok) return { body: encodeFilterError(ask.error), outcome: 'error' };
    const answer = await ports.filter(ask.value);
    if (typeof answer === 'string') return { body: encodeFilterError(answer), outcome: 'error' };
    return { body: encodeFilter(answer), outcome: answer.nodeNames.length > 0 ? 'ok' : 'refused' };
  },
  prioritize(text, ports) {
    const ask = decodeArgs(text);
    return { body: encodeScores(ask.ok ? ports.prioritize(ask.value) : []), outcome: outcomeOf(ask) };
  },
  async bind(text, ports) {
    const ask = decodeBindArgs(text);
    if (!ask.ok) return { body: encodeBind(ask.error), outcome: 'error' };
    const sentence = await ports.bind(ask.value);
    return { body: encodeBind(sentence), outcome: sentence === '' ? 'ok' : 'refused' };
  },
};

const outcomeOf = (result: Result<unknown, unknown>): Outcome => (result.ok ? 'ok' : 'error');

const VERBS: Readonly<Record<string, Verb>> = {
  '/filter': 'filter',
  '/prioritize': 'prioritize',
  '/bind': 'bind',
};

/** Answers the verbs; whatever else is asked goes on to `otherwise`. */
export function extenderListener(ports: ExtenderPorts, otherwise: RequestListener): RequestListener {
  return (request, response) => {
    const verb = request.method === 'POST' ? VERBS[request.url ?? ''] : undefined;
    if (verb === undefined) otherwise(request, response);
    else readBody(request, (text) => void serve(verb, { text, response }, ports));
  };
}

const MOST = `${BODY_LIMIT_BYTES / 2 ** 20} MiB`;
const TOO_LARGE = `the body cannot be read: it is too large, more than ${MOST}; the extender needs nodeCacheCapable: true`;

interface Call {
  /** null: more than may be sent. */
  readonly text: string | null;
  readonly response: ServerResponse;
}

async function serve(verb: Verb, { text, response }: Call, ports: ExtenderPorts): Promise<void> {
  const startedAt = performance.now();
  const { body, outcome } =
    text === null
      ? { body: SAY_ERROR[verb](TOO_LARGE), outcome: 'error' as const }
      : await answerTo(verb, text, ports);
  send(response, body);
  ports.onAnswer(verb, outcome, performance.now() - startedAt);
}

/** What is too large is read to its end all the same, and forgotten: whoever still sends would not hear the answer. */
function readBody(request: IncomingMessage, take: (text: string | null) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= BODY_LIMIT_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on('end', () => {
    take(size > BODY_LIMIT_BYTES ? null : textOf(chunks));
  });
  // The caller hung up: there is nobody to answer.
  request.on('error', () => {});
}

const textOf = (chunks: readonly Buffer[]): string =>
  (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString('utf8');

async function answerTo(verb: Verb, text: string, ports: ExtenderPorts): Promise<Answer> {
  const notReady = ports.notReady();
  if (notReady !== null) return { body: SAY_ERROR[verb](notReady), outcome: 'error' };
  try {
    return await HANDLERS[verb](text, ports);
  } catch (fault) {
    ports.onFault(fault);
    return { body: SAY_ERROR[verb](FAULT), outcome: 'error' };
  }
}

function send(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
