// SPDX-License-Identifier: Apache-2.0
// Who is the bearer of this token, and may he? Two reviews of the API server (TokenReview, SubjectAccessReview),
// which stores neither. Answers are kept for a moment, under the token's digest: the token itself is not.
import { createHash } from 'node:crypto';
import type { CallerGate, Verdict, Wish } from '../http/caller-gate.js';
import type { Clock } from '../clock.js';
import type { KubeClient } from './client.js';

export interface ReviewsOptions {
  /** Not the one that binds: callers with made-up tokens may keep it busy. */
  readonly client: KubeClient;
  readonly clock: Clock;
}

/** So long a right that was taken away lives on. */
export const KEPT_MS = 10_000;
/** Answers kept at most; the oldest goes. */
const MOST_KEPT = 1_000;
/** Reviews under way at most; the next caller is told to come again. */
export const MOST_AT_ONCE = 16;
const TIMEOUT_MS = 5_000;

interface Kept {
  readonly until: number;
  readonly verdict: Promise<Verdict>;
}

export function createCallerGate({ client, clock }: ReviewsOptions): CallerGate {
  const kept = new Map<string, Kept>();
  let underWay = 0;
  const review = async (key: string, token: string, wish: Wish): Promise<Verdict> => {
    underWay += 1;
    try {
      return await ask(client, token, wish);
    } catch (fault) {
      kept.delete(key);
      throw fault;
    } finally {
      underWay -= 1;
    }
  };
  return {
    judge(token, wish) {
      const key = createHash('sha256')
        .update(JSON.stringify([token, wish.verb, wish.path]))
        .digest('base64');
      const known = kept.get(key);
      if (known !== undefined && clock.now() < known.until) return known.verdict;
      if (underWay >= MOST_AT_ONCE) return Promise.resolve({ kind: 'busy' });
      kept.delete(key);
      const verdict = review(key, token, wish);
      kept.set(key, { until: clock.now() + KEPT_MS, verdict });
      const [oldest] = kept.keys();
      if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
      return verdict;
    },
  };
}

interface User {
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

async function ask(client: KubeClient, token: string, wish: Wish): Promise<Verdict> {
  const { authenticated, user } = (await post(client, TOKEN, { token })) as {
    readonly authenticated?: boolean;
    readonly user?: User;
  };
  if (authenticated !== true || user === undefined || user.username === '') return { kind: 'unknown' };
  const { username, uid, groups, extra } = user;
  const nonResourceAttributes = { path: wish.path, verb: wish.verb };
  const about = { user: username, uid, groups, extra, nonResourceAttributes };
  const { allowed } = (await post(client, ACCESS, about)) as { readonly allowed?: boolean };
  return { kind: allowed === true ? 'allowed' : 'forbidden', user: username };
}

interface ReviewKind {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
}

const TOKEN: ReviewKind = {
  group: 'authentication.k8s.io/v1',
  resource: 'tokenreviews',
  kind: 'TokenReview',
};
const ACCESS: ReviewKind = {
  group: 'authorization.k8s.io/v1',
  resource: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
};

async function post(
  client: KubeClient,
  { group, resource, kind }: ReviewKind,
  spec: object,
): Promise<object> {
  const body = JSON.stringify({ apiVersion: group, kind, spec });
  const text = await client.send({
    method: 'POST',
    path: `/apis/${group}/${resource}`,
    body,
    timeoutMs: TIMEOUT_MS,
  });
  return (JSON.parse(text) as { readonly status?: object }).status ?? {};
}
