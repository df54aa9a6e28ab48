// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../../src/adapters/kubernetes/client.js';
import { type Reflector, startReflector } from '../../../../src/adapters/kubernetes/reflector.js';
import { FakeClock } from '../../../fakes/clock.js';
import {
  anObject,
  cut,
  type ListWatchServer,
  listOf,
  refusal,
  startListWatchServer,
  watchOf,
} from '../../../fakes/list-watch-server.js';

let server: ListWatchServer;
let client: KubeClient;
let clock: FakeClock;
let reflector: Reflector | undefined;
let told: string[];
let faults: number[];

beforeEach(async () => {
  server = await startListWatchServer();
  clock = new FakeClock();
  client = createKubeClient({ credentials: server.credentials, agent: 'test' });
  told = [];
  faults = [];
});

afterEach(async () => {
  reflector?.stop();
  await client.close();
  await server.close();
});

function start(): void {
  reflector = startReflector<string>({
    client,
    path: '/api/v1/things',
    query: { fieldSelector: 'spec.nodeName=n1' },
    project: (raw) => (raw as { metadata: { name: string } }).metadata.name,
    clock,
    random: () => 0,
    listener: {
      onReplace: (items, revision) => told.push(`= ${items.join(',')} @${revision}`),
      onUpsert: (item) => told.push(`+ ${item}`),
      onDelete: (item) => told.push(`- ${item}`),
      onBookmark: (revision) => told.push(`@${revision}`),
      onFault: (_fault, retryMs) => faults.push(retryMs),
    },
  });
}

const event = (type: string, name: string, revision: string) => ({ type, object: anObject(name, revision) });
const watchCalls = () => server.calls.filter((call) => call.get('watch') === '1');
const until = (claim: () => boolean) =>
  vi.waitFor(() => expect(claim()).toBe(true), { timeout: 5000, interval: 2 });

/** Moves the clock over back-offs until the claim holds. */
async function advanceUntil(claim: () => boolean): Promise<void> {
  await vi.waitFor(
    () => {
      clock.advance(100);
      expect(claim()).toBe(true);
    },
    { timeout: 5000, interval: 2 },
  );
}

describe('a reflector', () => {
  it('lists in pages of 500, keeps the selector and starts the watch at the list revision', async () => {
    server.lists.push(listOf([anObject('a', '3')], '7', 'more'), listOf([anObject('b', '4')], '7'));
    start();
    await until(() => watchCalls().length === 1);
    expect(told).toEqual(['= a,b @7']);
    expect(server.calls[0]?.get('limit')).toBe('500');
    expect(server.calls[1]?.get('continue')).toBe('more');
    expect(watchCalls()[0]?.get('resourceVersion')).toBe('7');
    expect(watchCalls()[0]?.get('allowWatchBookmarks')).toBe('true');
    expect(server.calls.every((call) => call.get('fieldSelector') === 'spec.nodeName=n1')).toBe(true);
    expect(reflector?.isSynced).toBe(true);
    await reflector?.synced;
  });

  it('resumes an ended watch from the last revision, bookmarks included', async () => {
    server.watches.push(
      watchOf(event('ADDED', 'a', '5'), event('DELETED', 'a', '6'), event('BOOKMARK', '', '9')),
    );
    start();
    await until(() => watchCalls().length === 2);
    expect(told).toEqual(['=  @1', '+ a', '- a', '@9']);
    expect(watchCalls()[1]?.get('resourceVersion')).toBe('9');
    expect(faults).toEqual([]);
  });

  const relists: [string, Parameters<typeof server.watches.push>[0]][] = [
    ['a 410 answer', refusal(410)],
    ['an ERROR event with code 410', watchOf({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })],
    ['a line that is no JSON', watchOf('{"type":')],
    ['an event without a revision', watchOf({ type: 'ADDED', object: { metadata: { name: 'a' } } })],
  ];
  it.each(relists)('lists again after %s', async (_name, answer) => {
    server.lists.push(listOf([anObject('a', '1')], '1'), listOf([anObject('b', '8')], '8'));
    server.watches.push(answer);
    start();
    await advanceUntil(() => watchCalls().length === 2);
    expect(told).toEqual(['= a @1', '= b @8']);
    expect(watchCalls()[1]?.get('resourceVersion')).toBe('8');
  });

  const resumes: [string, Parameters<typeof server.watches.push>[0]][] = [
    ['a 500 answer', refusal(500)],
    ['a cut connection', cut],
    ['an ERROR event that is not about age', watchOf({ type: 'ERROR', object: { code: 500 } })],
    ['a watch that ends as soon as it began', watchOf()],
  ];
  it.each(resumes)('watches again from the same revision after %s', async (_name, answer) => {
    server.watches.push(answer);
    start();
    await advanceUntil(() => watchCalls().length === 2);
    expect(watchCalls()[1]?.get('resourceVersion')).toBe('1');
    expect(told).toEqual(['=  @1']);
    expect(faults).toEqual([100]);
  });

  it('backs off twice as long after each failure, up to a ceiling', async () => {
    for (let i = 0; i < 9; i++) server.lists.push(refusal(503));
    start();
    await advanceUntil(() => reflector?.isSynced === true);
    expect(faults).toEqual([100, 200, 400, 800, 1600, 3200, 4000, 4000, 4000]);
  });

  it('does not run hot when each watch answers 410', async () => {
    for (let i = 0; i < 4; i++) server.watches.push(refusal(410));
    start();
    await advanceUntil(() => watchCalls().length === 5);
    expect(faults).toEqual([100, 200, 400, 800]);
  });

  it('lists at once when the API server comes back with a 410, however long it was away', async () => {
    server.lists.push(listOf([], '1'), listOf([], '8'));
    server.watches.push(...Array.from({ length: 6 }, () => refusal(503)), refusal(410), refusal(503));
    start();
    await advanceUntil(() => watchCalls().length === 9);
    expect(faults).toEqual([100, 200, 400, 800, 1600, 3200, 100, 100]);
    expect(told).toEqual(['=  @1', '=  @8']);
  });

  it('cuts a silent watch and begins it again from the same revision', async () => {
    start();
    await until(() => server.open() !== undefined);
    clock.advance(89_000);
    expect(watchCalls()).toHaveLength(1);
    clock.advance(1_000);
    await until(() => watchCalls().length === 2);
    expect(told).toEqual(['=  @1']);
    expect(faults).toEqual([]);
  });

  it('keeps a watch that is told something in time', async () => {
    start();
    await until(() => server.open() !== undefined);
    clock.advance(80_000);
    server.open()?.write(`${JSON.stringify(event('BOOKMARK', '', '2'))}\n`);
    await until(() => told.includes('@2'));
    clock.advance(80_000);
    server.open()?.write(`${JSON.stringify(event('ADDED', 'a', '3'))}\n`);
    await until(() => told.includes('+ a'));
    expect(watchCalls()).toHaveLength(1);
    expect(reflector?.heardAt).toBe(clock.now());
  });

  it('says nothing more once stopped', async () => {
    start();
    await until(() => server.open() !== undefined);
    reflector?.stop();
    server.open()?.write(`${JSON.stringify(event('ADDED', 'a', '3'))}\n`);
    await until(() => server.open()?.destroyed === true);
    expect(told).toEqual(['=  @1']);
    expect(faults).toEqual([]);
    expect(clock.waiting).toBe(0);
  });
});
