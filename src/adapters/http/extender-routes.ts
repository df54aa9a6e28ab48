// SPDX-License-Identifier: Apache-2.0
// Wall of rooms 2 to 4: what kube-scheduler asks. Always 200: of any other status kube-scheduler reports the
// number and drops our sentence.
import { type NextFunction, type Request, type Response, Router } from 'express';
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
import { textBody } from './server.js';

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

export function extenderRoutes(ports: ExtenderPorts): Router {
  const router = Router();
  const body = textBody();
  for (const verb of ['filter', 'prioritize', 'bind'] as const) {
    router.post(`/${verb}`, body, async (request: Request, response: Response) => {
      const startedAt = performance.now();
      const answer = await answerTo(verb, typeof request.body === 'string' ? request.body : '', ports);
      send(response, answer.body);
      ports.onAnswer(verb, answer.outcome, performance.now() - startedAt);
    });
    // Express tells an error handler from any other by its four parameters.
    // eslint-disable-next-line max-params, @typescript-eslint/no-unused-vars
    router.use(`/${verb}`, (fault: unknown, _request: Request, response: Response, _next: NextFunction) => {
      const sentence = `the body cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`;
      send(response, SAY_ERROR[verb](sentence));
      ports.onAnswer(verb, 'error', 0);
    });
  }
  return router;
}

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

/** Past express's own send: no etag, no charset guess on the hot path. */
function send(response: Response, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
