// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBinder, createPodReader } from '../../../../src/adapters/kubernetes/binder.js';
import { createKubeClient, type KubeClient } from '../../../../src/adapters/kubernetes/client.js';
import { createEventWriter } from '../../../../src/adapters/kubernetes/events.js';
import { KubeFault } from '../../../../src/adapters/kubernetes/fault.js';
import { VENDORS } from '../../../../src/vendors/index.js';
import { readPodView } from '../../../../src/wire/pod-view.js';
import { FakeClock } from '../../../fakes/clock.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = (response: ServerResponse) => void;

const status = (code: number, body: object = {}, headers: Record<string, string> = {}): Answer => {
  return (response) => response.writeHead(code, headers).end(JSON.stringify(body));
};
const hangUp: Answer = (response) => response.destroy();

let seen: Seen[];
let answers: Answer[];
let token: string;
let prefix = '';
let clock: FakeClock;
let client: KubeClient;
let close: () => Promise<void>;

beforeEach(async () => {
  seen = [];
  answers = [];
  token = 'first';
  clock = new FakeClock();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      (answers.shift() ?? status(200))(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = createKubeClient({
    credentials: {
      server: `http://127.0.0.1:${port}${prefix}`,
      read: async () => {
        if (token === '') throw new Error('no such file');
        return { tls: {}, headers: { Authorization: `Bearer ${token}` } };
      },
    },
    clock,
    agent: 'kerf-test',
  });
  close = async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
});

afterEach(() => close());

const get = (path = '/api/v1/pods', query = {}) => client.send({ method: 'GET', path, query });
const faultOf = async (promise: Promise<unknown>): Promise<KubeFault> => {
  const fault = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(fault instanceof KubeFault)) throw new Error(`no KubeFault: ${String(fault)}`);
  return fault;
};

describe('the client', () => {
  it('says who it is and what it wants', async () => {
    await get('/api/v1/pods', { limit: '5', fieldSelector: 'spec.nodeName=n1' });
    expect(seen[0]).toMatchObject({
      method: 'GET',
      url: '/api/v1/pods?limit=5&fieldSelector=spec.nodeName%3Dn1',
      headers: { authorization: 'Bearer first', 'user-agent': 'kerf-test', accept: 'application/json' },
    });
  });

  it('reads a renewed token after a minute', async () => {
    await get();
    token = 'second';
    await get();
    clock.advance(60_000);
    await get();
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer first',
      'Bearer second',
    ]);
  });

  it('reads the token at once, and asks once more, when it is refused', async () => {
    await get();
    token = 'second';
    answers.push(status(401));
    await get();
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer first',
      'Bearer second',
    ]);
  });

  it('gives up where the new token is refused too', async () => {
    answers.push(status(401), status(401));
    expect(await faultOf(get())).toMatchObject({ status: 401 });
  });

  it('throws what the API server says', async () => {
    answers.push(status(403, { kind: 'Status', reason: 'Forbidden', message: 'pods is forbidden' }));
    expect(await faultOf(get())).toMatchObject({
      status: 403,
      code: 'Forbidden',
      message: 'pods is forbidden',
    });
    answers.push((response) => response.writeHead(502).end('bad gateway'));
    expect(await faultOf(get())).toMatchObject({ status: 502, code: 'Http502', message: 'bad gateway' });
  });

  it('throws Unreachable where nobody answers', async () => {
    answers.push(hangUp);
    expect(await faultOf(get())).toMatchObject({ status: 0, code: 'Unreachable' });
  });

  it('gives up an answer that does not come in time, or that nobody wants any more', async () => {
    const silence: Answer = () => {};
    answers.push(silence, (response) => response.writeHead(200).write('{'), silence);
    const late = { method: 'GET', path: '/late', timeoutMs: 50 } as const;
    const message = 'the API server cannot be reached: no answer within 0.05 s';
    expect(await faultOf(client.send(late))).toMatchObject({ code: 'Unreachable', message });
    expect(await faultOf(client.send(late))).toMatchObject({ code: 'Unreachable', message });
    const stop = new AbortController();
    const unwanted = client.send({ method: 'GET', path: '/unwanted', signal: stop.signal });
    await expect.poll(() => seen.length).toBe(3);
    stop.abort();
    expect(await faultOf(unwanted)).toMatchObject({ message: expect.stringContaining('was given up') });
    const signal = AbortSignal.abort();
    expect(await faultOf(client.send({ method: 'GET', path: '/never', signal }))).toMatchObject({
      status: 0,
    });
    expect(seen.map(({ url }) => url)).toEqual(['/late', '/late', '/unwanted']);
  });

  it('gives up a call that waits for a connection, and never sends it', async () => {
    const kept: ServerResponse[] = [];
    for (let at = 0; at < 16; at++) answers.push((response) => void kept.push(response));
    const first = Array.from({ length: 16 }, () => get('/busy'));
    await expect.poll(() => kept.length).toBe(16);
    const waiting = client.send({ method: 'GET', path: '/waiting', timeoutMs: 50 });
    expect(await faultOf(waiting)).toMatchObject({ code: 'Unreachable' });
    for (const response of kept) response.end('{}');
    expect(await Promise.all(first)).toHaveLength(16);
    await get('/after');
    expect(seen.map(({ url }) => url).filter((url) => url !== '/busy')).toEqual(['/after']);
  });

  it('waits as long as a 429 says, and asks again', async () => {
    answers.push(status(429, {}, { 'retry-after': '2' }));
    const answer = get();
    await expect.poll(() => clock.waiting).toBe(1);
    clock.advance(1_999);
    expect(seen).toHaveLength(1);
    clock.advance(1);
    expect(await answer).toBe('{}');
    expect(seen).toHaveLength(2);
  });

  it('gives whole lines of a stream, wherever it is cut into pieces', async () => {
    answers.push((response) => {
      response.writeHead(200);
      const bytes = Buffer.from('{"a":"é"}\n{"b":1}\n\n{"c":2}\n{"unfinished":');
      for (let at = 0; at < bytes.length; at += 3) response.write(bytes.subarray(at, at + 3));
      response.end();
    });
    const lines: string[] = [];
    for await (const line of await client.lines({ method: 'GET', path: '/watch' })) lines.push(line);
    expect(lines).toEqual(['{"a":"é"}', '{"b":1}', '{"c":2}']);
  });
});

describe('the client of a server behind a path', () => {
  beforeAll(() => {
    prefix = '/k8s/clusters/c-1/';
  });
  afterAll(() => {
    prefix = '';
  });

  it('asks below that path', async () => {
    await get('/api/v1/pods', { limit: '5' });
    await client.lines({ method: 'GET', path: '/api/v1/pods', query: { watch: '1' } });
    expect(seen.map(({ url }) => url)).toEqual([
      '/k8s/clusters/c-1/api/v1/pods?limit=5',
      '/k8s/clusters/c-1/api/v1/pods?watch=1',
    ]);
  });
});

describe('the binder', () => {
  const write = { uid: 'u1', namespace: 'ns', name: 'p', node: 'n1', placement: '{"v":1}' };

  it('posts node, UID and placement in one Binding', async () => {
    expect(await createBinder(client).write(write)).toEqual({ kind: 'written' });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/api/v1/namespaces/ns/pods/p/binding' });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace: 'ns', name: 'p', uid: 'u1', annotations: { 'kerf.dev/placement': '{"v":1}' } },
      target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
    });
  });

  it('posts no annotation where there is no placement', async () => {
    await createBinder(client).write({ ...write, placement: null });
    expect(JSON.parse(seen[0]?.body ?? '').metadata).toEqual({ namespace: 'ns', name: 'p', uid: 'u1' });
  });

  it.each([
    [409, { kind: 'refused', isConflict: true, sentence: 'no' }],
    [404, { kind: 'refused', isConflict: false, sentence: 'no' }],
    [403, { kind: 'refused', isConflict: false, sentence: 'no' }],
    [500, { kind: 'unknown', sentence: 'no' }],
    [504, { kind: 'unknown', sentence: 'no' }],
  ])('tells a %i from the others', async (code, outcome) => {
    answers.push(status(code, { message: 'no' }));
    expect(await createBinder(client).write(write)).toEqual(outcome);
  });

  it('does not know what became of a write that nobody answered', async () => {
    answers.push(hangUp);
    expect(await createBinder(client).write(write)).toMatchObject({ kind: 'unknown' });
    expect(seen).toHaveLength(1);
  });

  it('does not know without credentials, and goes on once there are some', async () => {
    token = '';
    const sentence = 'the credentials for the API server cannot be read: no such file';
    expect(await createBinder(client).write(write)).toEqual({ kind: 'unknown', sentence });
    token = 'second';
    expect(await createBinder(client).write(write)).toEqual({ kind: 'written' });
  });
});

describe('the reader of pods', () => {
  const reader = () => createPodReader(client, (raw) => readPodView(raw, VENDORS));

  it('reads one pod', async () => {
    answers.push(status(200, { metadata: { uid: 'u1', name: 'p' } }));
    expect(await reader().readPod('ns', 'p')).toMatchObject({ uid: 'u1' });
    expect(seen[0]?.url).toBe('/api/v1/namespaces/ns/pods/p');
  });

  it('answers nothing where there is none, and throws where it cannot know', async () => {
    answers.push(status(404), status(500));
    expect(await reader().readPod('ns', 'p')).toBeNull();
    expect(await faultOf(reader().readPod('ns', 'p'))).toMatchObject({ status: 500 });
  });
});

describe('the writer of Events', () => {
  const trouble = {
    kind: 'PlacementUnreadable',
    pod: 'ns/p',
    uid: 'u1',
    node: 'n1',
    sentence: 'x'.repeat(2000),
  } as const;
  const onFault = (fault: unknown): void => {
    faults.push(fault);
  };
  let faults: unknown[];
  const writer = () => {
    faults = [];
    return createEventWriter({ client, clock, controller: 'kerf.dev/scheduler', instance: 'i1', onFault });
  };

  it('writes a warning about the pod, as the API server wants it', async () => {
    writer()(trouble);
    await expect.poll(() => seen.length).toBe(1);
    expect(seen[0]?.url).toBe('/apis/events.k8s.io/v1/namespaces/ns/events');
    const event = JSON.parse(seen[0]?.body ?? '');
    expect(event).toMatchObject({
      reason: 'PlacementUnreadable',
      type: 'Warning',
      regarding: { kind: 'Pod', namespace: 'ns', name: 'p', uid: 'u1' },
      reportingController: 'kerf.dev/scheduler',
      reportingInstance: 'i1',
    });
    expect(event.eventTime).toMatch(/\.\d{6}Z$/);
    expect(event.note).toHaveLength(1000);
  });

  it('writes about a node in the default namespace', async () => {
    writer()({ ...trouble, kind: 'InventoryUnreadable', pod: '', uid: '' });
    await expect.poll(() => seen.length).toBe(1);
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({
      metadata: { namespace: 'default' },
      regarding: { kind: 'Node', name: 'n1' },
    });
  });

  it('writes the same once in ten minutes', async () => {
    const tell = writer();
    tell(trouble);
    tell(trouble);
    clock.advance(599_999);
    tell(trouble);
    await expect.poll(() => seen.length).toBe(1);
    clock.advance(1);
    tell(trouble);
    await expect.poll(() => seen.length).toBe(2);
  });

  it('goes on where an Event cannot be written', async () => {
    const tell = writer();
    answers.push(status(403));
    tell(trouble);
    await expect.poll(() => faults.length).toBe(1);
  });
});
