// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import type { CallerGate } from '../../../../src/adapters/http/caller-gate.js';
import type { KubeCall, KubeClient } from '../../../../src/adapters/kubernetes/client.js';
import { KubeFault } from '../../../../src/adapters/kubernetes/fault.js';
import { createCallerGate, KEPT_MS, MOST_AT_ONCE } from '../../../../src/adapters/kubernetes/reviews.js';
import { FakeClock } from '../../../fakes/clock.js';

const USER = { username: 'ada', uid: '7', groups: ['g'], extra: { 'a/b': ['c'] } };
const wish = { verb: 'get', path: '/v1/snapshot' };

let calls: KubeCall[];
let answers: (object | Error)[];
let clock: FakeClock;
let gate: CallerGate;
/** While set, answers wait for it. */
let held: Promise<void> | null;

beforeEach(() => {
  calls = [];
  answers = [];
  held = null;
  clock = new FakeClock();
  const client: KubeClient = {
    async send(call) {
      calls.push(call);
      await held;
      const answer = answers.shift() ?? {};
      if (answer instanceof Error) throw answer;
      return JSON.stringify({ status: answer });
    },
    bytes: () => Promise.reject(new Error('nobody lists here')),
    lines: () => Promise.reject(new Error('nobody watches here')),
    stream: () => Promise.reject(new Error('nobody watches here')),
    close: async () => {},
  };
  gate = createCallerGate({ client, clock });
});

const bodies = () => calls.map(({ path, body }) => [path, JSON.parse(body ?? '')]);

describe('the API server', () => {
  it('is asked whose the token is, and whether he may', async () => {
    answers = [{ authenticated: true, user: USER }, { allowed: true }];
    expect(await gate.judge('t', wish)).toEqual({ kind: 'allowed', user: 'ada' });
    expect(bodies()).toEqual([
      [
        '/apis/authentication.k8s.io/v1/tokenreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 't' } },
      ],
      [
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: {
            user: 'ada',
            uid: '7',
            groups: ['g'],
            extra: { 'a/b': ['c'] },
            nonResourceAttributes: wish,
          },
        },
      ],
    ]);
  });

  it.each([
    [[{}], { kind: 'unknown' }],
    [[{ authenticated: false, user: USER }], { kind: 'unknown' }],
    [[{ authenticated: true }], { kind: 'unknown' }],
    [[{ authenticated: true, user: { username: '' } }], { kind: 'unknown' }],
    [[{ authenticated: true, user: USER }, {}], { kind: 'forbidden', user: 'ada' }],
    [[{ authenticated: true, user: USER }, { allowed: false }], { kind: 'forbidden', user: 'ada' }],
    [[{ authenticated: true, user: USER }, { allowed: 'true' }], { kind: 'forbidden', user: 'ada' }],
  ])('that answers %j lets nobody in', async (said, verdict) => {
    answers = [...said];
    expect(await gate.judge('t', wish)).toEqual(verdict);
  });
});

describe('an answer', () => {
  it('is kept for a moment, for this token and this page', async () => {
    answers = [{ authenticated: true, user: USER }, { allowed: true }];
    await gate.judge('t', wish);
    await gate.judge('t', wish);
    clock.advance(KEPT_MS - 1);
    expect((await gate.judge('t', wish)).kind).toBe('allowed');
    expect(calls).toHaveLength(2);
    expect((await gate.judge('t', { ...wish, path: '/metrics' })).kind).toBe('unknown');
    expect((await gate.judge('t2', wish)).kind).toBe('unknown');
    clock.advance(1);
    expect((await gate.judge('t', wish)).kind).toBe('unknown');
  });

  it('is fetched once for all that ask at the same time', async () => {
    answers = [{ authenticated: true, user: USER }, { allowed: true }];
    const all = await Promise.all([1, 2, 3].map(() => gate.judge('t', wish)));
    expect(all.map(({ kind }) => kind)).toEqual(['allowed', 'allowed', 'allowed']);
    expect(calls).toHaveLength(2);
  });

  it('that never came is not kept', async () => {
    const away = new KubeFault({ status: 0, code: 'Unreachable', message: 'away' });
    answers = [away, { authenticated: true, user: USER }, { allowed: true }];
    await expect(gate.judge('t', wish)).rejects.toBe(away);
    expect((await gate.judge('t', wish)).kind).toBe('allowed');
  });
});

it('a crowd with made-up tokens is told to come again, and whoever is known comes in all the same', async () => {
  answers = [{ authenticated: true, user: USER }, { allowed: true }];
  await gate.judge('known', wish);
  let open = (): void => {};
  held = new Promise((resolve) => {
    open = resolve;
  });
  const crowd = Array.from({ length: MOST_AT_ONCE }, (_, index) => gate.judge(`made-up-${index}`, wish));
  expect((await gate.judge('one-more', wish)).kind).toBe('busy');
  expect((await gate.judge('known', wish)).kind).toBe('allowed');
  open();
  await Promise.all(crowd);
  expect((await gate.judge('one-more', wish)).kind).toBe('unknown');
});
