// SPDX-License-Identifier: Apache-2.0
// Wall of room 1: the API server asks over HTTPS, the answer is a patch or a sentence. A question that cannot be
// read is answered no, never with a 500: only pods that ask for devices (or carry a letter) are ever sent here.
import express, { type NextFunction, type Request, type Response, Router } from 'express';
import { createPatch } from 'rfc6902';
import {
  type Admission,
  type Answer,
  encodeAnswer,
  type PodObject,
  readReview,
} from '../../wire/admission.js';

/** unreadable: no review at all. failed: a bug of ours. */
export type AnswerKind = Admission['kind'] | 'unreadable' | 'failed';

/** What the door joins to this wall: room 1 with all it knows. */
export interface WebhookPorts {
  readonly admit: (pod: PodObject) => Admission;
  /** Told of every answer, for counting; `ms` from the parsed question on. */
  readonly onAnswer?: (kind: AnswerKind, ms: number) => void;
  /** A bug in admit: answered no, and reported. */
  readonly onFault?: (fault: unknown) => void;
}

/** Objects reach 3 MiB in etcd's terms; a review carries the object once. */
const BODY_LIMIT = '8mb';

export function webhookRoutes(ports: WebhookPorts): Router {
  const router = Router();
  // Probes of the pod: whoever gets an answer here would get one at /mutate.
  router.get(['/healthz', '/readyz'], (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  router.post('/mutate', express.json({ limit: BODY_LIMIT }), (request, response) => {
    response.json(encodeAnswer(answerTo(request.body, ports)));
  });
  // Express tells an error handler from any other by its four parameters.
  // eslint-disable-next-line max-params, @typescript-eslint/no-unused-vars
  router.use('/mutate', (fault: unknown, _request: Request, response: Response, _next: NextFunction) => {
    ports.onAnswer?.('unreadable', 0);
    const sentence = `the review cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`;
    response.json(encodeAnswer({ uid: '', allowed: false, sentence }));
  });
  return router;
}

/** Answers one review; never throws. */
export function answerTo(body: unknown, ports: WebhookPorts): Answer {
  const startedAt = performance.now();
  const { kind, answer } = judge(body, ports);
  ports.onAnswer?.(kind, performance.now() - startedAt);
  return answer;
}

function judge(body: unknown, ports: WebhookPorts): { readonly kind: AnswerKind; readonly answer: Answer } {
  const review = readReview(body);
  if (!review.ok) return { kind: 'unreadable', answer: { ...review.error, allowed: false } };
  const { uid, pod } = review.value;
  if (pod === null) return { kind: 'ignored', answer: { uid, allowed: true } };
  try {
    const admission = ports.admit(pod);
    return { kind: admission.kind, answer: answerOf({ uid, pod, admission }) };
  } catch (fault) {
    ports.onFault?.(fault);
    const sentence = 'Kerf could not judge this pod because of a fault of its own; see its log';
    return { kind: 'failed', answer: { uid, allowed: false, sentence } };
  }
}

function answerOf({
  uid,
  pod,
  admission,
}: {
  readonly uid: string;
  readonly pod: PodObject;
  readonly admission: Admission;
}): Answer {
  if (admission.kind === 'ignored') return { uid, allowed: true };
  if (admission.kind === 'refused') return { uid, allowed: false, sentence: admission.sentence };
  const patch = createPatch(pod, admission.pod);
  const { warnings } = admission;
  if (patch.length === 0) return { uid, allowed: true, warnings };
  return { uid, allowed: true, warnings, patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
}
