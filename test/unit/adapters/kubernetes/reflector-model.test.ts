// SPDX-License-Identifier: Apache-2.0
// A reflector, the followers and the ledger behind a list and a watch that fail in every way they may: whenever all
// has been told at last, the ledger holds what the API server has.
import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../../src/adapters/kubernetes/client.js';
import { type Reflector, startReflector } from '../../../../src/adapters/kubernetes/reflector.js';
import { Ledger } from '../../../../src/core/ledger.js';
import { followNodes, followPods, type Follower } from '../../../../src/scheduling/follow.js';
import { PodMirror } from '../../../../src/scheduling/pod-mirror.js';
import { VENDORS } from '../../../../src/vendors/index.js';
import { readNodeFacts } from '../../../../src/wire/node-view.js';
import { readPodView } from '../../../../src/wire/pod-view.js';
import { FakeClock } from '../../../fakes/clock.js';
import { type ListWatchServer, startListWatchServer } from '../../../fakes/list-watch-server.js';
import { ApiServer, type Event, nodeObject, podObject } from '../../scheduling/model/api-server.js';
import { Oracle } from '../../scheduling/model/oracle.js';
import { ACTS_OF_THE_WORLD, aTrueNode } from '../../scheduling/model/steps.js';
import { textOfView } from '../../scheduling/model/text.js';

const HISTORIES = process.env.KERF_LONG === '1' ? 2_000 : 150;

interface Moment {
  readonly items: readonly object[];
  readonly resourceVersion: string;
}

/** List and watch of one kind over a log of events; revisions are counts of events. */
class Stream<T> {
  /** The oldest revision a watch may begin at. */
  oldest = 0;
  private readonly live = new Set<ServerResponse>();
  private sent = 0;
  private readonly moments: Moment[] = [];

  constructor(
    readonly server: ListWatchServer,
    private readonly events: readonly Event<T>[],
    private readonly of: { all(): Iterable<T>; object(item: T): object },
  ) {
    for (let call = 0; call < 300; call++) {
      server.lists.push((_request, response, url) => this.list(response, url));
      server.watches.push((_request, response, url) => this.watch(response, url));
    }
  }

  get revision(): number {
    return this.events.length + 1;
  }

  /** In pages, all of one moment as etcd gives them. */
  private list(response: ServerResponse, url: URL): void {
    const [moment, from] = (url.searchParams.get('continue') ?? `${this.moments.length} 0`)
      .split(' ')
      .map(Number);
    this.moments[moment as number] ??= {
      items: [...this.of.all()].map((item) => this.of.object(item)),
      resourceVersion: String(this.revision),
    };
    const { items, resourceVersion } = this.moments[moment as number] as Moment;
    const next = (from as number) + 3;
    const more = next < items.length ? `${moment} ${next}` : undefined;
    const body = { metadata: { resourceVersion, continue: more }, items: items.slice(from, next) };
    response.writeHead(200).end(JSON.stringify(body));
  }

  private watch(response: ServerResponse, url: URL): void {
    const from = Number(url.searchParams.get('resourceVersion'));
    if (from < this.oldest) {
      response.writeHead(410).end(JSON.stringify({ code: 410, reason: 'Expired' }));
      return;
    }
    response.writeHead(200).flushHeaders();
    this.live.add(response);
    for (let at = from; at < this.revision; at++) this.write(response, at);
    this.sent = this.revision;
  }

  /** Tells the open watches what is new. */
  flush(): void {
    for (let at = this.sent; at < this.revision; at++)
      for (const response of this.live) this.write(response, at);
    this.sent = this.revision;
  }

  /** The event that made `revision` + 1. */
  private write(response: ServerResponse, revision: number): void {
    const event = this.events[revision - 1];
    if (event === undefined) return;
    const object = this.of.object(event.item) as { metadata: object };
    const metadata = { ...object.metadata, resourceVersion: String(revision + 1) };
    const type = event.type === 'DELETED' ? 'DELETED' : 'MODIFIED';
    response.write(`${JSON.stringify({ type, object: { ...object, metadata } })}\n`);
  }

  forget(): void {
    this.oldest = this.revision;
    this.fail(0);
  }

  fail(how: number): void {
    const ways: readonly ((response: ServerResponse) => void)[] = [
      (response) => response.end(),
      (response) => response.destroy(),
      (response) => response.end('{"type":"MOD'),
      (response) => response.end('{"type":"MODIFIED","object":{"metadata":{"name":"x"}}}\n'),
      (response) => response.end('{"type":"ERROR","object":{"code":410,"reason":"Expired"}}\n'),
      (response) => response.end('{"type":"ERROR","object":{"code":500}}\n'),
      (response) =>
        response.write(`{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${this.sent}"}}}\n`),
    ];
    for (const response of this.live) ways[how % ways.length]?.(response);
    if (how % ways.length < 6) this.live.clear();
  }
}

interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly at: number;
  readonly what: number;
}

const WORLD = Object.keys(ACTS_OF_THE_WORLD) as (keyof typeof ACTS_OF_THE_WORLD)[];
const OURS = ['flush', 'failPods', 'failNodes', 'forget', 'missRemoval', 'wait', 'wait'] as const;
const KINDS = [...WORLD, 'create', 'create', 'bindByOthers', 'bindByOthers', 'remove', ...OURS] as const;
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  at: fc.nat(9),
  what: fc.nat(99),
});

let closing: (() => unknown)[] = [];
afterEach(closeAll);

async function closeAll(): Promise<void> {
  const all = closing.reverse();
  closing = [];
  for (const close of all) await close();
}

class Watched {
  readonly api = new ApiServer();
  readonly ledger = new Ledger();
  readonly clock = new FakeClock();
  private readonly follow = { ledger: this.ledger, pods: new PodMirror(), troubles: { tell: () => {} } };
  private streams: { pods: Stream<never>; nodes: Stream<never> } | null = null;
  private reflectors: readonly [Reflector, Stream<never>][] = [];

  async start(): Promise<void> {
    for (const name of ['n0', 'n1']) this.api.setNode(aTrueNode(name, 0));
    const { api } = this;
    const [pods, nodes] = [await startListWatchServer(), await startListWatchServer()];
    closing.push(pods.close, nodes.close);
    const streams = {
      pods: new Stream(pods, api.podEvents, { all: () => api.pods.values(), object: podObject }),
      nodes: new Stream(nodes, api.nodeEvents, { all: () => api.nodes.values(), object: nodeObject }),
    };
    this.streams = streams as never;
    this.reflectors = [
      [
        this.reflect(pods, (raw) => readPodView(raw, VENDORS), followPods(this.follow)),
        streams.pods as never,
      ],
      [
        this.reflect(nodes, (raw) => readNodeFacts(raw, VENDORS), followNodes(this.follow)),
        streams.nodes as never,
      ],
    ];
  }

  private reflect<T>(
    server: ListWatchServer,
    project: (raw: unknown) => T,
    listener: Follower<T>,
  ): Reflector {
    const client: KubeClient = createKubeClient({ credentials: server.credentials, agent: 'test' });
    const reflector = startReflector({
      ...{ client, project, listener, clock: this.clock, random: () => 0 },
      ...{ path: '/api/v1/things', pageSize: 3 },
    });
    closing.push(
      () => client.close(),
      () => reflector.stop(),
    );
    return reflector;
  }

  async take({ kind, at, what }: Step): Promise<void> {
    const { api } = this;
    const { pods, nodes } = this.streams as NonNullable<typeof this.streams>;
    const acts: Record<string, () => unknown> = {
      flush: () => [pods, nodes].map((stream) => stream.flush()),
      failPods: () => pods.fail(what),
      failNodes: () => nodes.fail(what),
      /** The watches are cut, and what happened since is not told: a new list is needed. */
      forget: () => [pods, nodes].map((stream) => stream.forget()),
      missRemoval() {
        const bound = [...api.pods.values()].filter((pod) => pod.node !== '');
        for (const { name } of bound.slice(0, 1 + (what % 2))) api.remove(name);
        pods.forget();
      },
      wait: () => this.caughtUp(),
    };
    const act = acts[kind];
    if (act !== undefined) await act();
    else ACTS_OF_THE_WORLD[kind as (typeof WORLD)[number]](this.api, { at, what });
  }

  /** All that happened has been told, whatever it took. */
  async caughtUp(): Promise<void> {
    await vi.waitFor(
      () => {
        this.clock.advance(500);
        for (const [reflector, stream] of this.reflectors) {
          stream.flush();
          expect(reflector.revision).toBe(String(stream.revision));
        }
      },
      { timeout: 10_000, interval: 2 },
    );
    this.check();
  }

  private check(): void {
    const oracle = new Oracle();
    oracle.hearNodes(this.api.nodes.values());
    oracle.hearAll([...this.api.pods.values()]);
    const wanted = [...oracle.nodes.values()].map((node) => oracle.textOf(node, this.ledger.node(node.name)));
    expect([...this.ledger.allNodes()].map(textOfView).sort()).toEqual(wanted.sort());
    const uids = [...this.ledger.allHoldings()].map(({ uid }) => uid);
    expect(uids.sort()).toEqual([...oracle.pods.keys()].sort());
  }
}

it(
  'the ledger holds what the API server has, however the watches fail',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
        const watched = new Watched();
        await watched.start();
        await watched.caughtUp();
        for (const each of steps) await watched.take(each);
        await watched.caughtUp();
        await closeAll();
      }),
      { numRuns: HISTORIES, endOnFailure: true },
    );
  },
  HISTORIES * 5_000,
);
