// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, type Serving, serveRoutes } from '../../../../src/adapters/http/routes.js';

let server: Serving;

beforeAll(async () => {
  server = await serveRoutes('127.0.0.1:0', {
    '/a': async () => json({ a: 1 }),
    '/broken': async () => {
      throw new Error('the driver is gone');
    },
  });
});

afterAll(() => server.close());

describe('plain routes', () => {
  it.each([
    { method: 'GET', path: '/a', status: 200, body: '{"a":1}\n' },
    { method: 'GET', path: '/a?x=1', status: 200, body: '{"a":1}\n' },
    { method: 'HEAD', path: '/a', status: 200, body: '' },
    { method: 'POST', path: '/a', status: 404, body: 'no such page: /a\n' },
    { method: 'GET', path: '/constructor', status: 404, body: 'no such page: /constructor\n' },
    { method: 'GET', path: '/broken', status: 500, body: 'the driver is gone\n' },
  ])('answer $method $path with $status', async ({ method, path, status, body }) => {
    const answer = await fetch(server.url + path, { method });
    expect([answer.status, await answer.text()]).toEqual([status, body]);
  });
});
