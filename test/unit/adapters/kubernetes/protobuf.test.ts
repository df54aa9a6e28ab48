// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../../src/adapters/kubernetes/client.js';
import { formOf } from '../../../../src/adapters/kubernetes/forms.js';
import {
  type Field,
  PROTOBUF,
  type Read,
  readList,
  type Shape,
} from '../../../../src/adapters/kubernetes/protobuf.js';
import { type Reflector, startReflector } from '../../../../src/adapters/kubernetes/reflector.js';
import { NODE, POD } from '../../../../src/adapters/kubernetes/shapes.js';
import { encodeEvent, encodeFields, encodeList, encodeStatus, envelope } from '../../../builders/protobuf.js';
import { type Answer, type ListWatchServer, startListWatchServer } from '../../../fakes/list-watch-server.js';

/** Any object of the shape; a text that is empty and a list without items stand in neither form. */
function objectOf(shape: Shape): fc.Arbitrary<Read> {
  const fields = Object.values(shape).map((field) => [field.name, valueOf(field)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] }) as fc.Arbitrary<Read>;
}

function valueOf(field: Field): fc.Arbitrary<unknown> {
  if (field.kind === 'number') return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  if (field.kind === 'text') return fc.string({ unit: 'grapheme', minLength: 1 });
  if (field.kind === 'one') return objectOf(field.of);
  if (field.kind === 'many') return fc.array(objectOf(field.of), { minLength: 1, maxLength: 3 });
  return fc.dictionary(fc.string(), fc.string(), { minKeys: 1, maxKeys: 3, noNullPrototype: true });
}

async function* cutInto(bytes: Uint8Array, sizes: readonly number[]): AsyncIterable<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function eventsIn(chunks: AsyncIterable<Uint8Array>): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of formOf(PROTOBUF, POD).events(chunks)) events.push(event);
  return events;
}

describe('objects in protobuf form', () => {
  it.each([
    ['pods', POD],
    ['nodes', NODE],
  ])('are read as they were written: %s', (_kind, shape) => {
    fc.assert(
      fc.property(fc.array(objectOf(shape), { maxLength: 3 }), (items) => {
        expect(readList(encodeList(items, shape, '7'), shape)).toEqual({ items, revision: '7', next: '' });
      }),
    );
  });

  it('come whole out of a watch, however its bytes are cut', async () => {
    const objects = fc.array(objectOf(POD), { minLength: 1, maxLength: 4 });
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(objects, sizes, async (pods, cuts) => {
        const frames = pods.map((pod) => encodeEvent('ADDED', envelope('Pod', encodeFields(pod, POD))));
        const events = await eventsIn(cutInto(Buffer.concat(frames), cuts));
        expect(events).toEqual(pods.map((object) => ({ type: 'ADDED', object })));
      }),
      { numRuns: 40 },
    );
  });

  it('never come out of bytes that were cut or changed as anything but an object or Garbage', async () => {
    const whole = encodeList(
      [{ metadata: { name: 'a', annotations: { k: 'v' } }, spec: { nodeName: 'n' } }],
      POD,
      '7',
    );
    const form = formOf(PROTOBUF, POD);
    for (let end = 0; end < whole.length; end++)
      expect(() => form.page(whole.subarray(0, end))).toThrow('the API server sent what is no object');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(whole);
        changed[at] = byte;
        try {
          expect(form.page(changed).revision).not.toBe('');
        } catch (fault) {
          expect(fault).toMatchObject({ code: 'Garbage' });
        }
      }),
    );
  });

  it('are no object where a frame claims gigabytes', async () => {
    await expect(eventsIn(cutInto(Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0), [5]))).rejects.toMatchObject({
      code: 'Garbage',
    });
  });
});

describe('a reflector that asks for protobuf', () => {
  let server: ListWatchServer;
  let client: KubeClient;
  let reflector: Reflector;
  let told: string[];
  const faults: unknown[] = [];
  const accepts: (string | undefined)[] = [];

  const answer =
    (type: string, ...bodies: readonly Uint8Array[]): Answer =>
    (request, response) => {
      accepts.push(request.headers.accept);
      response.writeHead(200, { 'content-type': type });
      for (const body of bodies) response.write(body);
      response.end();
    };
  const pod = (name: string, revision: string) =>
    encodeFields({ metadata: { name, resourceVersion: revision } }, POD);
  const until = (claim: () => boolean) => vi.waitFor(() => expect(claim()).toBe(true), { timeout: 5000 });

  beforeEach(async () => {
    server = await startListWatchServer();
    client = createKubeClient({ credentials: server.credentials, agent: 'test' });
    told = [];
    faults.length = 0;
    accepts.length = 0;
  });

  afterEach(async () => {
    reflector.stop();
    await client.close();
    await server.close();
  });

  function start(): void {
    const nameOf = (raw: unknown): string => (raw as { metadata: { name: string } }).metadata.name;
    reflector = startReflector<string>({
      ...{ client, path: '/api/v1/pods', shape: POD, project: nameOf },
      listener: {
        onReplace: (items, revision) => told.push(`= ${items.join(',')} @${revision}`),
        onUpsert: (item) => told.push(`+ ${item}`),
        onDelete: (item) => told.push(`- ${item}`),
        onBookmark: (revision) => told.push(`@${revision}`),
        onFault: (fault) => faults.push(fault),
      },
    });
  }

  it('follows lists, events and bookmarks in it, and lists anew after a 410', async () => {
    const stream = `${PROTOBUF};stream=watch`;
    const first = encodeList([{ metadata: { name: 'a', resourceVersion: '3' } }], POD, '7');
    const event = (type: string, name: string, revision: string) =>
      encodeEvent(type, envelope('Pod', pod(name, revision)));
    server.lists.push(answer(PROTOBUF, first), answer(PROTOBUF, encodeList([], POD, '12')));
    server.watches.push(
      answer(stream, event('ADDED', 'b', '8'), event('DELETED', 'a', '9'), event('BOOKMARK', '', '10')),
      answer(stream, encodeEvent('ERROR', encodeStatus(410, 'Expired', 'too old'))),
    );
    start();
    await until(() => told.length === 5);
    expect(told).toEqual(['= a @7', '+ b', '- a', '@10', '=  @12']);
    expect(faults).toMatchObject([{ status: 410, code: 'Expired', message: 'too old' }]);
    expect(accepts[0]).toBe('application/vnd.kubernetes.protobuf,application/json');
  });

  it('tells a refusal in protobuf by its reason', async () => {
    server.lists.push((_request, response) => {
      response.writeHead(403, { 'content-type': PROTOBUF }).end(encodeStatus(403, 'Forbidden', 'no list'));
    });
    start();
    await until(() => faults.length === 1);
    expect(faults).toMatchObject([{ status: 403, code: 'Forbidden', message: 'no list' }]);
  });

  it('reads JSON from a server that knows nothing else', async () => {
    const item = { metadata: { name: 'a', resourceVersion: '3' } };
    const json = JSON.stringify({ metadata: { resourceVersion: '7' }, items: [item] });
    server.lists.push(answer('application/json', Buffer.from(json)));
    start();
    await until(() => told.length === 1);
    expect(told).toEqual(['= a @7']);
  });
});
