// SPDX-License-Identifier: Apache-2.0
// A mirror of one kind of object: list once in pages, then watch, for ever.
//
//   list ──▶ onReplace ──▶ watch ──▶ onUpsert | onDelete | onBookmark
//    ▲                       │ stream ended, cut, silent: watch again from the last revision
//    └── 410 or garbage ─────┘ the first at once, then ever slower
//
// client-node's informer stops on the first 500 and never asks for bookmarks (kubernetes-client/javascript
// #596, #458); this one backs off and goes on. Objects are projected the moment they are parsed, in list
// and watch alike, so that the full ones never stay in memory.
import { type Clock, sleep, systemClock } from '../clock.js';
import type { KubeClient } from './client.js';
import { faultOf, KubeFault } from './fault.js';
import { formOf, garbage, type WatchEvent } from './forms.js';
import { PROTOBUF_OR_JSON, type Shape } from './protobuf.js';

/** What the reflector tells; called in order, never at once. Must not throw. */
export interface ReflectorListener<T> {
  /** The whole truth as of `revision`: whatever is not in `items` is gone. */
  onReplace(items: readonly T[], revision: string): void;
  /** Added or changed. */
  onUpsert(item: T): void;
  /** Gone; `item` is its last state. */
  onDelete(item: T): void;
  onBookmark?(revision: string): void;
  /** Something went wrong and is being tried again after `retryMs`. */
  onFault?(fault: unknown, retryMs: number): void;
}

export interface ReflectorOptions<T> {
  readonly client: KubeClient;
  /** Of the collection: /api/v1/pods */
  readonly path: string;
  /** fieldSelector, labelSelector. */
  readonly query?: Readonly<Record<string, string>>;
  /** The fields that `project` reads: then protobuf is asked for. Absent: JSON, all of it. */
  readonly shape?: Shape;
  /** Keeps what is needed of a raw object; total: it gets whatever the API server sends. */
  readonly project: (raw: unknown) => T;
  readonly listener: ReflectorListener<T>;
  readonly clock?: Clock;
  /** 0 ≤ x < 1, for jitter. */
  readonly random?: () => number;
  /** Objects per page of a list. */
  readonly pageSize?: number;
  /** Silence after which a watch is thought dead; the API server sends a bookmark each minute. */
  readonly idleMs?: number;
  /** Longest pause between failures; 8 s when absent, so that a thousand agents do not fall on a new server. */
  readonly backoffMaxMs?: number;
}

export interface Reflector {
  /** Resolves after the first onReplace. */
  readonly synced: Promise<void>;
  readonly isSynced: boolean;
  /** When the API server was last heard of (list, event or bookmark), in the clock's ms; 0: never. */
  readonly heardAt: number;
  readonly revision: string;
  stop(): void;
}

const PAGE_SIZE = 500;
const IDLE_MS = 90_000;
const WATCH_SECONDS_MIN = 300;
const WATCH_SECONDS_SPREAD = 300;
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 8_000;
/** A watch that ended sooner and told nothing counts as a failure: else a broken proxy makes a hot loop. */
const SHORT_WATCH_MS = 1_000;

/** Starts at once. */
export function startReflector<T>(options: ReflectorOptions<T>): Reflector {
  return new RunningReflector(options);
}

class RunningReflector<T> implements Reflector {
  readonly synced: Promise<void>;
  isSynced = false;
  heardAt = 0;
  revision = '';
  private readonly clock: Clock;
  private readonly ending = new AbortController();
  /** Since the API server last answered well; garbage and 410s are counted apart, since they are answers. */
  private failures = 0;
  /** Lists in a row whose watch told nothing but that it cannot go on from there. */
  private vainLists = 0;
  private markSynced: () => void = () => {};

  constructor(private readonly options: ReflectorOptions<T>) {
    this.clock = options.clock ?? systemClock;
    this.synced = new Promise((resolve) => {
      this.markSynced = resolve;
    });
    void this.run();
  }

  stop(): void {
    this.ending.abort();
  }

  private async run(): Promise<void> {
    while (!this.ending.signal.aborted) {
      try {
        if (this.revision === '') await this.list();
        else await this.watch();
      } catch (fault) {
        if (this.ending.signal.aborted) return;
        await this.backOff(fault, this.countUp(fault));
      }
    }
  }

  /**
   * How often in a row this went wrong before. A 410 comes from a server that is well again, mostly after it was
   * away: the failures until then are over, and what ended meanwhile holds its room until the list is read.
   */
  private countUp(fault: unknown): number {
    if (!isGone(fault)) return this.failures++;
    this.revision = '';
    this.failures = 0;
    return this.vainLists++;
  }

  private async backOff(fault: unknown, before: number): Promise<void> {
    const ceiling = Math.min(
      this.options.backoffMaxMs ?? BACKOFF_MAX_MS,
      BACKOFF_MIN_MS * 2 ** Math.min(before, 16),
    );
    const ms = Math.round(ceiling * (0.5 + 0.5 * this.random()));
    this.options.listener.onFault?.(fault, ms);
    await sleep(this.clock, ms, this.ending.signal);
  }

  private async list(): Promise<void> {
    const { client, path, project, listener, shape } = this.options;
    const items: T[] = [];
    let next = '';
    let revision = '';
    do {
      const query = { ...this.options.query, limit: String(this.options.pageSize ?? PAGE_SIZE) };
      const call = {
        method: 'GET' as const,
        path,
        query: next === '' ? query : { ...query, continue: next },
        ...this.accept,
      };
      const { contentType, body } = await client.bytes(call);
      const page = formOf(contentType, shape).page(body);
      if (this.ending.signal.aborted) return;
      for (const item of page.items) items.push(project(item));
      revision = page.revision;
      next = page.next;
    } while (next !== '');
    this.revision = revision;
    this.failures = 0;
    this.heardAt = this.clock.now();
    listener.onReplace(items, revision);
    this.isSynced = true;
    this.markSynced();
  }

  /** One watch until it ends; what it throws is backed off from. */
  private async watch(): Promise<void> {
    const startedAt = this.clock.now();
    const cut = new AbortController();
    const stop = (): void => cut.abort();
    this.ending.signal.addEventListener('abort', stop, { once: true });
    let lastEventAt = startedAt;
    const endWatchdog = this.watchIdle(() => lastEventAt, cut);
    let told = 0;
    try {
      const { contentType, chunks } = await this.options.client.stream(this.watchCall(cut.signal));
      for await (const event of formOf(contentType, this.options.shape).events(chunks)) {
        lastEventAt = this.clock.now();
        if (this.ending.signal.aborted) return;
        this.take(event);
        told += 1;
        this.failures = 0;
        this.vainLists = 0;
      }
    } catch (fault) {
      if (!cut.signal.aborted) throw fault;
    } finally {
      endWatchdog();
      this.ending.signal.removeEventListener('abort', stop);
      cut.abort();
    }
    if (told === 0 && this.clock.now() - startedAt < SHORT_WATCH_MS) throw endedAtOnce();
  }

  private watchCall(signal: AbortSignal) {
    const seconds = WATCH_SECONDS_MIN + Math.floor(WATCH_SECONDS_SPREAD * this.random());
    const query = {
      ...this.options.query,
      watch: '1',
      resourceVersion: this.revision,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
    };
    return { method: 'GET' as const, path: this.options.path, query, signal, ...this.accept };
  }

  private get accept(): { readonly accept?: string } {
    return this.options.shape === undefined ? {} : { accept: PROTOBUF_OR_JSON };
  }

  /** Half-open connections tell nothing: after idleMs of silence the watch is cut and begun again. */
  private watchIdle(lastEventAt: () => number, cut: AbortController): () => void {
    const idleMs = this.options.idleMs ?? IDLE_MS;
    let cancel: () => void = () => {};
    const look = (): void => {
      const silentMs = this.clock.now() - lastEventAt();
      if (silentMs >= idleMs) cut.abort();
      else cancel = this.clock.after(idleMs - silentMs, look);
    };
    cancel = this.clock.after(idleMs, look);
    return () => cancel();
  }

  private take(event: WatchEvent): void {
    if (event.type === 'ERROR') throw faultOf(codeOf(event.object), JSON.stringify(event.object ?? {}));
    const revision = event.object?.metadata?.resourceVersion;
    if (typeof revision !== 'string') throw garbage(JSON.stringify(event));
    this.tell(event, revision);
    this.revision = revision;
    this.heardAt = this.clock.now();
  }

  private tell(event: WatchEvent, revision: string): void {
    const { listener, project } = this.options;
    if (event.type === 'BOOKMARK') listener.onBookmark?.(revision);
    else if (event.type === 'DELETED') listener.onDelete(project(event.object));
    else listener.onUpsert(project(event.object));
  }

  private random(): number {
    return (this.options.random ?? Math.random)();
  }
}

function codeOf(status: unknown): number {
  const code = (status as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : 500;
}

/** Only a new list helps: the revision is too old, or what came cannot be trusted. */
function isGone(fault: unknown): boolean {
  return fault instanceof KubeFault && (fault.status === 410 || fault.code === 'Garbage');
}

function endedAtOnce(): KubeFault {
  return new KubeFault({ status: 0, code: 'Unreachable', message: 'the watch ended as soon as it began' });
}
