// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';
import type { SchedulerRegistry } from '../../adapters/exposition/scheduler-registry.js';
import type { KubeClient } from '../../adapters/kubernetes/client.js';
import type { PolicyWatch } from '../../adapters/kubernetes/policy-watch.js';
import type { Shape } from '../../adapters/kubernetes/protobuf.js';
import { type Reflector, startReflector } from '../../adapters/kubernetes/reflector.js';
import { NODE, POD } from '../../adapters/kubernetes/shapes.js';
import type { Ledger } from '../../core/ledger.js';
import type { Foresight } from '../../core/foresight.js';
import type { LivePacking } from '../../core/packing/live.js';
import type { Overcommit } from '../../core/policy-document.js';
import { type Follower, followNodes, followPods } from '../../scheduling/follow.js';
import { learnOfAll } from '../../scheduling/learn.js';
import type { Resizer } from '../../scheduling/resize.js';
import type { PodMirror } from '../../scheduling/pod-mirror.js';
import type { TroubleSink } from '../../scheduling/ports.js';
import type { Vendor } from '../../vendors/index.js';
import { readNodeFacts } from '../../wire/node-view.js';
import { type PodView, readPodView } from '../../wire/pod-view.js';
import { startPacking } from './packing.js';

export interface WatchesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  readonly packing: LivePacking;
  readonly foresight: Foresight;
  readonly vendors: readonly Vendor[];
  readonly troubles: TroubleSink;
  readonly metrics: SchedulerRegistry;
  readonly log: Logger;
  /** Said by the policy document in force. */
  readonly overcommit: () => readonly Overcommit[];
  readonly startPolicy: (onApplied: () => void) => PolicyWatch;
  /** Sees pods after the ledger has. */
  readonly resizer: Pick<Resizer, 'see' | 'seeAll' | 'drop' | 'stop'>;
}

export interface Watches {
  readonly synced: Promise<void>;
  readonly isReady: () => boolean;
  /** Brings the gauges up to date. */
  readonly measure: () => void;
  readonly stop: () => void;
}

const EXPIRE_EVERY_MS = 1_000;
/** There is one of us: after the API server was away, what ended meanwhile is freed soon. */
const BACKOFF_MAX_MS = 2_000;

export function startWatches(options: WatchesOptions): Watches {
  const { ledger, clock, metrics, log, vendors } = options;
  const nodeFollower = followNodes(options);
  const nodes = watch(options, 'nodes', {
    shape: NODE,
    project: (raw) => readNodeFacts(raw, vendors),
    follower: nodeFollower,
  });
  const pods = watch(options, 'pods', {
    shape: POD,
    project: (raw) => readPodView(raw, vendors),
    follower: thenResize(followPods(options), options.resizer),
  });
  const stopPacking = startPacking(options);
  const policy = options.startPolicy(() => nodeFollower.reweigh());
  let cancel = clock.after(EXPIRE_EVERY_MS, expire);
  function expire(): void {
    for (const uid of ledger.expire(pods.heardAt)) {
      log.warn({ uid }, 'the watch never showed this placement: given up');
      metrics.count('expired');
    }
    cancel = clock.after(EXPIRE_EVERY_MS, expire);
  }
  return {
    synced: Promise.all([nodes.synced, pods.synced, policy.settled]).then(() => learnOfAll(options)),
    isReady: () => nodes.isSynced && pods.isSynced && policy.isSettled(),
    measure: () => measure(options, { nodes, pods, policy: policy.reflector }),
    stop() {
      cancel();
      stopPacking();
      options.resizer.stop();
      nodes.stop();
      pods.stop();
      policy.reflector.stop();
    },
  };
}

function thenResize(follower: Follower<PodView>, resizer: WatchesOptions['resizer']): Follower<PodView> {
  return {
    onReplace(all) {
      follower.onReplace(all);
      resizer.seeAll(all);
    },
    onUpsert(pod) {
      follower.onUpsert(pod);
      resizer.see(pod);
    },
    onDelete(pod) {
      follower.onDelete(pod);
      resizer.drop(pod);
    },
  };
}

interface Kind<T> {
  readonly shape: Shape;
  readonly project: (raw: unknown) => T;
  readonly follower: Follower<T>;
}

function watch<T>(
  options: WatchesOptions,
  kind: 'nodes' | 'pods',
  { shape, project, follower }: Kind<T>,
): Reflector {
  const { client, clock, metrics, log } = options;
  return startReflector<T>({
    client,
    clock,
    backoffMaxMs: BACKOFF_MAX_MS,
    path: `/api/v1/${kind}`,
    shape,
    project,
    listener: {
      onReplace(items, revision) {
        follower.onReplace(items);
        log.info({ watch: kind, items: items.length, revision }, 'listed');
      },
      onUpsert: (item) => follower.onUpsert(item),
      onDelete: (item) => follower.onDelete(item),
      onFault(fault, retryMs) {
        metrics.count('watchFaults', { watch: kind });
        log.warn(
          { watch: kind, retryMs, reason: fault instanceof Error ? fault.message : String(fault) },
          'watch failed',
        );
      },
    },
  });
}

function measure(
  { ledger, clock, metrics }: WatchesOptions,
  reflectors: Readonly<Record<string, Reflector>>,
): void {
  const { nodes, assumed, held, troubled } = ledger.counts();
  metrics.set('nodes', nodes);
  for (const [state, count] of Object.entries({ assumed, held, troubled }))
    metrics.set('holdings', count, { state });
  for (const [name, { heardAt }] of Object.entries(reflectors))
    metrics.set('watchAge', heardAt === 0 ? Number.NaN : (clock.now() - heardAt) / 1000, { watch: name });
}
