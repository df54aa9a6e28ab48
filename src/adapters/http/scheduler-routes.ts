// SPDX-License-Identifier: Apache-2.0
// What people and probes ask the scheduler: health, metrics, explain, snapshot, decisions. GET only. The pages tell
// names of pods of all namespaces: on localhost as they are, elsewhere behind the gate (caller-gate).
import { type Request, type Response, Router } from 'express';
import { jsonPieces } from '../../wire/json-pieces.js';

/** What the door joins to this wall. */
export interface SchedulerPages {
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** Plain data; null when no such pod is known. */
  readonly explain: (namespace: string, pod: string) => object | null | Promise<object | null>;
  readonly snapshot: () => object;
  /** JSON lines, oldest first; of one pod (namespace/name) where one is named. */
  readonly decisions: (pod?: string) => readonly string[];
}

/** Of 5 000 nodes it is 10 MB: written at once it would keep kube-scheduler waiting. */
async function sendInPieces(response: Response, letter: object): Promise<void> {
  response.type('application/json');
  for (const piece of jsonPieces(letter)) {
    response.write(piece);
    if (piece.length > LONG) await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

/** Characters, a fraction of a millisecond to write. */
const LONG = 4096;

export function probeRoutes(isReady: () => boolean): Router {
  const router = Router();
  router.get('/healthz', (_request: Request, response: Response) => {
    response.type('text/plain').send('ok\n');
  });
  router.get('/readyz', (_request: Request, response: Response) => {
    const isReadyNow = isReady();
    const text = isReadyNow ? 'ok\n' : 'the watches have not seen the cluster yet\n';
    response
      .status(isReadyNow ? 200 : 503)
      .type('text/plain')
      .send(text);
  });
  return router;
}

/** Paths as written, in their case: the gate has asked about the very same text. */
export function pageRoutes(pages: SchedulerPages): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.get('/metrics', async (_request: Request, response: Response) => {
    const { contentType, body } = await pages.metrics();
    response.setHeader('content-type', contentType);
    response.end(body);
  });
  router.get('/v1/explain/:namespace/:pod', async (request: Request, response: Response) => {
    const { namespace, pod } = request.params as { namespace: string; pod: string };
    const explanation = await pages.explain(namespace, pod);
    const error = `pod ${namespace}/${pod} is not known to Kerf: it asks for no device, or does not exist`;
    if (explanation === null) response.status(404).json({ error });
    else await sendInPieces(response, explanation);
  });
  router.get('/v1/snapshot', (_request: Request, response: Response) => {
    response.json(pages.snapshot());
  });
  router.get('/v1/decisions', (request: Request, response: Response) => {
    const { pod } = request.query;
    if (pod !== undefined && (typeof pod !== 'string' || !/^[^/]+\/[^/]+$/.test(pod))) {
      const told = JSON.stringify(pod).slice(0, 100);
      response.status(400).json({ error: `pod is ${told}: want namespace/name, once` });
      return;
    }
    const lines = pages.decisions(pod).map((line) => `${line}\n`);
    response.type('application/x-ndjson').send(lines.join(''));
  });
  return router;
}
