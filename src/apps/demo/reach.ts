// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import type { Explanation } from '../../scheduling/explain.js';

/** What `npm run cluster -- kerf --json` prints. */
export interface Reach {
  readonly kubeconfig: string;
  readonly monitors: readonly string[];
  readonly scheduler: string;
}

const TRIES = 20;

/** The scheduler learns of a new pod by its watch: a moment may pass. */
export async function explanationOf(reach: Reach, pod: string): Promise<Explanation> {
  const url = `${reach.scheduler}/v1/explain/${pod}`;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await request(url);
    const text = await answer.body.text();
    if (answer.statusCode === 200) return JSON.parse(text) as Explanation;
    if (attempt === TRIES) throw new Error(`${url} answers ${answer.statusCode}: ${text}`);
    await sleep(250);
  }
}
