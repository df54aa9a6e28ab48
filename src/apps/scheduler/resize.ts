// SPDX-License-Identifier: Apache-2.0
// Joins the answering of resizes to the world. Each answer is said four times: at the pod as a condition, as an Event,
// in the log, and as a metric.
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';
import type { SchedulerRegistry } from '../../adapters/exposition/scheduler-registry.js';
import type { KubeClient } from '../../adapters/kubernetes/client.js';
import { createResizeEventWriter, type EventWriterOptions } from '../../adapters/kubernetes/events.js';
import { createLeaderLook } from '../../adapters/kubernetes/leader.js';
import { createQuotaReader, createResizeWriter } from '../../adapters/kubernetes/resize-writer.js';
import type { Ledger } from '../../core/ledger.js';
import type { PodMirror } from '../../scheduling/pod-mirror.js';
import type { ResizeNews } from '../../scheduling/ports.js';
import { Resizer } from '../../scheduling/resize.js';
import { createQuotaLook } from '../../scheduling/resize-quota.js';
import type { Vendor } from '../../vendors/index.js';
import type { SchedulerOptions } from './options.js';

export interface ResizeJoint {
  readonly options: SchedulerOptions;
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  readonly vendors: readonly Vendor[];
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly metrics: SchedulerRegistry;
  readonly events: EventWriterOptions;
  readonly isReady: () => boolean;
  readonly log: Logger;
}

export function resizerWith(joint: ResizeJoint): Resizer {
  const { client, clock, metrics, log, options } = joint;
  return new Resizer({
    ...joint,
    writes: createResizeWriter(client, clock),
    isAllowed: options.resize,
    isLeader: leaderLook(client, options),
    quota: createQuotaLook({ ...joint, list: createQuotaReader(client) }),
    after: (ms, run) => clock.after(ms, run),
    onAnswered: tellWith(joint),
    onFault(pod, sentence, retryMs) {
      metrics.count('resizes', { outcome: 'fault' });
      log.warn({ pod, sentence, retryMs }, 'a resize could not be answered');
    },
  });
}

function leaderLook(client: KubeClient, { lease, instance }: SchedulerOptions): () => Promise<boolean> {
  if (lease === undefined) return async () => true;
  const [namespace = '', name = ''] = lease.split('/');
  return createLeaderLook(client, { namespace, name }, instance);
}

function tellWith({ events, metrics, log }: ResizeJoint): (news: ResizeNews) => void {
  const writeEvent = createResizeEventWriter(events);
  return (news) => {
    metrics.count('resizes', { outcome: news.reason });
    log.info({ ...news }, news.isResized ? 'resized' : 'resize refused');
    writeEvent(news);
  };
}
