// SPDX-License-Identifier: Apache-2.0
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extenderListener, type ExtenderPorts } from '../../../../src/adapters/http/extender-routes.js';
import { pageRoutes, probeRoutes } from '../../../../src/adapters/http/scheduler-routes.js';
import { createApp, type Listening, listen, parseAddress } from '../../../../src/adapters/http/server.js';
import { score } from '../../../../src/core/units.js';

let listening: Listening;
let ports: { -readonly [K in keyof ExtenderPorts]: ExtenderPorts[K] };
let answered: string[];
let faults: unknown[];
let isReady: boolean;

beforeEach(async () => {
  answered = [];
  faults = [];
  isReady = true;
  ports = {
    notReady: () => (isReady ? null : 'not yet'),
    filter: ({ nodeNames }) => ({ nodeNames: nodeNames.slice(0, 1), curable: { b: 'short' }, incurable: {} }),
    prioritize: ({ nodeNames }) => nodeNames.map((node) => ({ node, score: score(7) })),
    bind: async ({ node }) => (node === 'full' ? 'no room' : ''),
    onAnswer: (verb, outcome) => answered.push(`${verb} ${outcome}`),
    onFault: (fault) => faults.push(fault),
  };
  const pages = pageRoutes({
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'kerf_x 1\n' }),
    explain: (namespace, pod) => (pod === 'p' ? { pod: `${namespace}/${pod}` } : null),
    snapshot: () => ({ v: 1 }),
    decisions: (pod) => ['{"pod":"a/p"}', '{"pod":"a/q"}'].filter((line) => line.includes(pod ?? '')),
  });
  const through: ExtenderPorts = {
    ...ports,
    notReady: () => ports.notReady(),
    filter: (ask) => ports.filter(ask),
    bind: (ask) => ports.bind(ask),
  };
  const otherwise = createApp({ routers: [probeRoutes(() => isReady), pages] });
  listening = await listen(extenderListener(through, otherwise), { host: '127.0.0.1', port: 0 });
});

afterEach(() => listening.close(0));

const url = (path: string): string => `http://127.0.0.1:${listening.port}${path}`;

async function post(verb: string, body: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(url(`/${verb}`), {
    method: 'POST',
    body: text,
    headers: { 'content-type': 'application/json' },
  });
  return { status: answer.status, body: JSON.parse(await answer.text()) as unknown };
}

const ARGS = { Pod: {}, Nodes: null, NodeNames: ['a', 'b'] };
const BIND = { PodName: 'p', PodNamespace: 'ns', PodUID: 'u', Node: 'n1' };

describe('the extender', () => {
  it.each([
    [
      'filter',
      ARGS,
      { NodeNames: ['a'], FailedNodes: { b: 'short' }, FailedAndUnresolvableNodes: {}, Error: '' },
      'filter ok',
    ],
    [
      'filter',
      { ...ARGS, NodeNames: [] },
      { NodeNames: [], FailedNodes: { b: 'short' }, FailedAndUnresolvableNodes: {}, Error: '' },
      'filter refused',
    ],
    [
      'prioritize',
      ARGS,
      [
        { Host: 'a', Score: 7 },
        { Host: 'b', Score: 7 },
      ],
      'prioritize ok',
    ],
    ['bind', BIND, { Error: '' }, 'bind ok'],
    ['bind', { ...BIND, Node: 'full' }, { Error: 'no room' }, 'bind refused'],
  ])('answers %s', async (verb, ...[body, want, outcome]) => {
    expect(await post(verb, body)).toEqual({ status: 200, body: want });
    expect(answered).toEqual([outcome]);
  });

  it.each([
    ['filter', 'no JSON'],
    ['filter', '{"Pod":{'],
    ['filter', { Pod: {}, Nodes: { items: [] } }],
    ['bind', ''],
    ['bind', { ...BIND, PodUID: 3 }],
  ])('answers a bad body of %s with 200 and a sentence: %j', async (verb, body) => {
    const answer = await post(verb, body);
    expect(answer).toEqual({ status: 200, body: { Error: expect.stringMatching(/^.{10,}$/) } });
    expect(answered).toEqual([`${verb} error`]);
  });

  it('answers a bad body of prioritize with a list, for an object would be no answer at all', async () => {
    expect(await post('prioritize', 'no JSON')).toEqual({ status: 200, body: [] });
  });

  it('reads 10 MB, and says so where a body is larger still', async () => {
    const names = Array.from({ length: 350_000 }, (_, index) => `a-node-with-a-long-name-${index}`);
    expect(JSON.stringify(names).length).toBeGreaterThan(10_000_000);
    expect((await post('filter', { Pod: {}, NodeNames: names })).body).toMatchObject({
      NodeNames: [names[0]],
    });
    expect((await post('filter', `{"Pod":"${'x'.repeat(30_000_000)}"}`)).body).toEqual({
      Error:
        'the body cannot be read: it is too large, more than 12 MiB; the extender needs nodeCacheCapable: true',
    });
  });

  it('answers on the same connection after a body that was too large', async () => {
    await post('filter', `{"Pod":"${'x'.repeat(30_000_000)}"}`);
    expect((await post('filter', ARGS)).body).toMatchObject({ NodeNames: ['a'] });
    expect(answered).toEqual(['filter error', 'filter ok']);
  });

  it('reads a letter that is cut in the middle of a character', async () => {
    const bytes = Buffer.from(JSON.stringify({ ...ARGS, NodeNames: ['é'] }));
    const cut = bytes.indexOf(0xc3) + 1;
    const body = await new Promise<string>((resolve, reject) => {
      const asked = request(url('/filter'), { method: 'POST' }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += String(chunk);
        });
        answer.on('end', () => resolve(text));
      });
      asked.on('error', reject);
      asked.write(bytes.subarray(0, cut), () => asked.end(bytes.subarray(cut)));
    });
    expect(JSON.parse(body)).toMatchObject({ NodeNames: ['é'] });
  });

  it('lets pass what is no verb of its own', async () => {
    expect((await fetch(url('/filter'))).status).toBe(404);
    expect((await fetch(url('/bindings'), { method: 'POST', body: '{}' })).status).toBe(404);
  });

  it.each(['filter', 'bind'])('refuses %s until the cluster has been seen', async (verb) => {
    isReady = false;
    expect(await post(verb, verb === 'bind' ? BIND : ARGS)).toEqual({
      status: 200,
      body: { Error: 'not yet' },
    });
  });

  it('answers a bug with 200 too, and reports it', async () => {
    ports.filter = () => {
      throw new Error('bug: x');
    };
    ports.bind = () => Promise.reject(new Error('bug: y'));
    expect((await post('filter', ARGS)).body).toEqual({
      Error: expect.stringContaining('a fault of its own'),
    });
    expect((await post('bind', BIND)).body).toEqual({ Error: expect.stringContaining('a fault of its own') });
    expect(faults).toHaveLength(2);
  });
});

describe('the pages', () => {
  const get = async (path: string) => {
    const answer = await fetch(url(path));
    return { status: answer.status, text: await answer.text() };
  };

  it('tell health, readiness and metrics', async () => {
    expect(await get('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await get('/readyz')).status).toBe(200);
    isReady = false;
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/metrics')).text).toBe('kerf_x 1\n');
  });

  it('explain a pod, and say where there is none', async () => {
    expect(await get('/v1/explain/ns/p')).toEqual({ status: 200, text: '{"pod":"ns/p"}' });
    const absent = await get('/v1/explain/ns/q');
    expect(absent.status).toBe(404);
    expect(JSON.parse(absent.text).error).toBe(
      'pod ns/q is not known to Kerf: it asks for no device, or does not exist',
    );
  });

  it('give the snapshot, and a sentence for a path that is none', async () => {
    expect((await get('/v1/snapshot')).text).toBe('{"v":1}');
    expect(await get('/nothing')).toEqual({ status: 404, text: 'no such page: /nothing\n' });
  });

  it('give the decisions as JSON lines, also of one pod', async () => {
    expect((await get('/v1/decisions')).text).toBe('{"pod":"a/p"}\n{"pod":"a/q"}\n');
    expect((await get('/v1/decisions?pod=a/q')).text).toBe('{"pod":"a/q"}\n');
    expect(await get('/v1/decisions?pod=q')).toEqual({
      status: 400,
      text: '{"error":"pod is \\"q\\": want namespace/name, once"}',
    });
  });

  it('keep connections longer than Go leaves them idle', () => {
    expect(listening.server.keepAliveTimeout).toBeGreaterThan(90_000);
    expect(listening.server.headersTimeout).toBeGreaterThan(listening.server.keepAliveTimeout);
  });
});

describe('an address', () => {
  it.each([
    ['127.0.0.1:9480', { host: '127.0.0.1', port: 9480 }],
    ['[::1]:1', { host: '::1', port: 1 }],
    [':9443', { host: '0.0.0.0', port: 9443 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('%s is read', (text, want) => {
    expect(parseAddress(text)).toEqual(want);
  });

  it.each(['9480', 'host', 'host:', 'host:70000', 'a b:1', '::1:80'])('%s is refused', (text) => {
    expect(() => parseAddress(text)).toThrow(`"${text}" is no address: want host:port`);
  });
});
