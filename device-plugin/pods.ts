// SPDX-License-Identifier: Apache-2.0
// The pods of this node: a mirror kept by a watch, and fresh reads for decisions that may not be stale.
import type { Clock } from '../src/adapters/clock.js';
import type { KubeClient } from '../src/adapters/kubernetes/client.js';
import { KubeFault } from '../src/adapters/kubernetes/fault.js';
import { type Reflector, startReflector } from '../src/adapters/kubernetes/reflector.js';
import { parseJson } from '../src/wire/json.js';
import { type PodView, projectPod } from './pod-view.js';

export interface PodsOptions {
  readonly client: KubeClient;
  readonly node: string;
  /** The count resource: which containers ask for slots. */
  readonly resource: string;
  readonly clock: Clock;
  readonly onFault: (fault: unknown, retryMs: number) => void;
}

/** Something about a pod became known; `pod` is null for one that is gone. */
export type PodListener = (podUid: string, pod: PodView | null) => void;

const RETRY_MS = 300;
const ATTEMPT_MS = 3_000;

export class Pods {
  private readonly mirror = new Map<string, PodView>();
  private readonly over = new Set<string>();
  private readonly listeners = new Set<PodListener>();
  private reflector: Reflector | null = null;

  constructor(private readonly options: PodsOptions) {}

  start(): void {
    const { client, node, clock, onFault } = this.options;
    this.reflector = startReflector<PodView>({
      client,
      clock,
      path: '/api/v1/pods',
      query: { fieldSelector: `spec.nodeName=${node}` },
      project: (raw) => this.view(raw),
      listener: {
        onReplace: (items) => this.replace(items),
        onUpsert: (pod) => this.take(pod),
        onDelete: (pod) => this.drop(pod.uid),
        onFault,
      },
    });
  }

  stop(): void {
    this.reflector?.stop();
  }

  listen(listener: PodListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get isSynced(): boolean {
    return this.reflector?.isSynced === true;
  }

  /** Last seen; may be stale, and a pod that is gone from here may only be unheard of. */
  lastSeen(podUid: string): PodView | undefined {
    return this.mirror.get(podUid);
  }

  /** True once the pod was seen Succeeded or Failed: it never runs again. */
  isOver(podUid: string): boolean {
    return this.over.has(podUid);
  }

  /** Reads the pod now; null when there is none. Tries for `withinMs` while the API server is away. */
  async read(namespace: string, name: string, withinMs: number): Promise<PodView | null> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
    const text = await this.insist(path, {}, withinMs);
    return text === null ? null : this.learn(this.view(parseJson(text)));
  }

  /** All pods of the node, read now. */
  async readAll(withinMs: number): Promise<readonly PodView[]> {
    const query = { fieldSelector: `spec.nodeName=${this.options.node}` };
    const list = parseJson((await this.insist('/api/v1/pods', query, withinMs)) ?? '') as { items?: unknown };
    if (!Array.isArray(list?.items)) throw new Error('the API server sent no list of pods');
    return list.items.map((raw) => this.learn(this.view(raw)));
  }

  /** Resolves when the mirror shows the pod as wanted, or with null after `withinMs`. */
  until(podUid: string, isWanted: (pod: PodView) => boolean, withinMs: number): Promise<PodView | null> {
    const seen = this.mirror.get(podUid);
    if (seen !== undefined && isWanted(seen)) return Promise.resolve(seen);
    return new Promise((resolve) => {
      const end = (pod: PodView | null): void => {
        cancel();
        forget();
        resolve(pod);
      };
      const cancel = this.options.clock.after(withinMs, () => end(null));
      const forget = this.listen((uid, pod) => {
        if (uid === podUid && pod !== null && isWanted(pod)) end(pod);
      });
    });
  }

  /** null for 404; other answers that will not get better are thrown at once. */
  private async insist(
    path: string,
    query: Record<string, string>,
    withinMs: number,
  ): Promise<string | null> {
    const { client, clock } = this.options;
    const endsAt = clock.now() + withinMs;
    for (;;) {
      try {
        return await client.send({ method: 'GET', path, query, timeoutMs: ATTEMPT_MS });
      } catch (fault) {
        if (fault instanceof KubeFault && fault.status === 404) return null;
        const mayPass = fault instanceof KubeFault && (fault.status === 0 || fault.status >= 500);
        if (!mayPass || clock.now() + RETRY_MS > endsAt) throw fault;
      }
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
    }
  }

  private view(raw: unknown): PodView {
    return projectPod(raw, this.options.resource);
  }

  private learn(pod: PodView): PodView {
    if (pod.isOver) this.over.add(pod.uid);
    return pod;
  }

  private replace(items: readonly PodView[]): void {
    const now = new Set(items.map(({ uid }) => uid));
    for (const uid of [...this.mirror.keys()]) if (!now.has(uid)) this.drop(uid);
    for (const pod of items) this.take(pod);
  }

  private take(pod: PodView): void {
    this.mirror.set(pod.uid, this.learn(pod));
    this.tell(pod.uid, pod);
  }

  private drop(podUid: string): void {
    this.mirror.delete(podUid);
    this.over.delete(podUid);
    this.tell(podUid, null);
  }

  private tell(podUid: string, pod: PodView | null): void {
    for (const listener of [...this.listeners]) listener(podUid, pod);
  }
}
