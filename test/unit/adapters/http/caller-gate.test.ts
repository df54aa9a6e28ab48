// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { behindGate, type Verdict, type Wish } from '../../../../src/adapters/http/caller-gate.js';
import { pageRoutes } from '../../../../src/adapters/http/scheduler-routes.js';
import { createApp, type Listening, listen } from '../../../../src/adapters/http/server.js';
import { webhookRoutes } from '../../../../src/adapters/http/webhook.js';

let listening: Listening;
let asked: (Wish & { readonly token: string })[];
let faults: unknown[];
let verdict: Verdict | Error;

beforeEach(async () => {
  asked = [];
  faults = [];
  verdict = { kind: 'allowed', user: 'ada' };
  const gate = {
    judge: async (token: string, wish: Wish) => {
      asked.push({ token, ...wish });
      if (verdict instanceof Error) throw verdict;
      return verdict;
    },
  };
  const pages = pageRoutes({
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'kerf_x 1\n' }),
    explain: (namespace, pod) => ({ pod: `${namespace}/${pod}` }),
    snapshot: () => ({ v: 1 }),
    decisions: () => ['{}'],
  });
  const routers = [
    webhookRoutes({ admit: () => ({ kind: 'ignored' }) }),
    behindGate(pages, { gate, onFault: (fault) => faults.push(fault) }),
  ];
  listening = await listen(createApp({ routers }), { host: '127.0.0.1', port: 0 });
});

afterEach(() => listening.close(0));

async function call(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(`http://127.0.0.1:${listening.port}${path}`, { method, headers });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const bearer = { authorization: 'Bearer ab.C-1_~+/==' };

describe('a page behind the gate', () => {
  it.each([
    ['/v1/explain/ns/p', '{"pod":"ns/p"}'],
    ['/v1/snapshot', '{"v":1}'],
    ['/v1/decisions?pod=ns/p', '{}\n'],
    ['/metrics', 'kerf_x 1\n'],
  ])('%s is shown to whom the API server lets, and kept by nobody on the way', async (path, text) => {
    const answer = await call(path, bearer);
    expect([answer.status, answer.text]).toEqual([200, text]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(asked).toEqual([{ token: 'ab.C-1_~+/==', verb: 'get', path: path.split('?')[0] }]);
  });

  it.each([
    ['none', {}],
    ['a password', { authorization: 'Basic YWRhOmFkYQ==' }],
    ['no text', { authorization: 'Bearer ' }],
    ['two words', { authorization: 'Bearer a b' }],
    ['letters no token has', { authorization: 'Bearer a"b' }],
  ])('with %s for a token is refused, and nobody is asked', async (_what, headers) => {
    const answer = await call('/v1/snapshot', headers as Record<string, string>);
    expect([answer.status, answer.text]).toEqual([
      401,
      '{"error":"/v1/snapshot wants Authorization: Bearer TOKEN"}',
    ]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="kerf"');
    expect(asked).toEqual([]);
  });

  it.each<[Verdict, number, string]>([
    [{ kind: 'unknown' }, 401, 'the API server does not know this token'],
    [
      { kind: 'forbidden', user: 'system:serviceaccount:a:b' },
      403,
      'user "system:serviceaccount:a:b" may not get /v1/snapshot: want a ClusterRole with this nonResourceURL',
    ],
    [{ kind: 'busy' }, 429, 'too many callers at once: try again in a second'],
  ])('%j is answered with %i and a sentence', async (said, status, error) => {
    verdict = said;
    const answer = await call('/v1/snapshot', bearer);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([status, { error }]);
  });

  it('is shown to nobody while the API server is away', async () => {
    verdict = new Error('away');
    const answer = await call('/v1/snapshot', bearer);
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain('away');
    expect(faults).toEqual([verdict]);
  });

  it.each([
    ['/V1/snapshot', 404],
    ['/v1/snapshot/', 404],
    ['//v1/snapshot', 404],
    ['/v1/../v1/snapshot', 200], // fetch resolves it: the same page, the same question
    ['/v1/%2e%2e/snapshot', 404],
    ['/filter', 404],
  ])('written as %s is asked for as written, and answered %i', async (path, status) => {
    const answer = await call(path, bearer);
    expect(answer.status).toBe(status);
    expect(asked).toHaveLength(1);
  });

  it.each(['filter', 'prioritize', 'bind'])('%s is not there at all', async (verb) => {
    expect((await call(`/${verb}`, {}, 'POST')).status).toBe(401);
    expect((await call(`/${verb}`, bearer, 'POST')).status).toBe(404);
    expect(asked.map((wish) => wish.verb)).toEqual(['post']);
  });
});

it.each(['/healthz', '/readyz'])('%s asks for no token: the kubelet has none', async (path) => {
  expect((await call(path)).status).toBe(200);
  expect(asked).toEqual([]);
});
