// SPDX-License-Identifier: Apache-2.0
// Joins rooms 1 to 4 to the world. No decision is made here.
import type { Logger } from 'pino';
import { type Clock, systemClock } from '../../adapters/clock.js';
import { SchedulerRegistry } from '../../adapters/exposition/scheduler-registry.js';
import { extenderListener } from '../../adapters/http/extender-routes.js';
import { pageRoutes, probeRoutes, type SchedulerPages } from '../../adapters/http/scheduler-routes.js';
import { createApp, listen } from '../../adapters/http/server.js';
import { createBinder, createPodReader } from '../../adapters/kubernetes/binder.js';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.js';
import { loadCredentials } from '../../adapters/kubernetes/credentials.js';
import { createEventWriter } from '../../adapters/kubernetes/events.js';
import { readVendors } from '../../adapters/vendors-file.js';
import { Ledger, type LedgerCounts } from '../../core/ledger.js';
import { LivePacking } from '../../core/packing/live.js';
import { nodePolicy, type PlacingRules } from '../../core/policies.js';
import { freeze } from '../../core/snapshot.js';
import { createBind } from '../../scheduling/bind.js';
import { DecisionLog } from '../../scheduling/decision-log.js';
import { explainInSteps } from '../../scheduling/explain.js';
import type { Scene } from '../../scheduling/filter.js';
import { PodMirror } from '../../scheduling/pod-mirror.js';
import type { TroubleSink } from '../../scheduling/ports.js';
import { encodeDecision } from '../../wire/decisions.js';
import { readPodView } from '../../wire/pod-view.js';
import { encodeSnapshot } from '../../wire/snapshot.js';
import { joinExtender } from './extender.js';
import type { SchedulerOptions } from './options.js';
import { inSlices } from './slices.js';
import { startWatches, type Watches } from './watches.js';
import { startWebhook } from './webhook.js';

export interface Scheduler {
  readonly extenderPort: number;
  /** null where no certificate was given. */
  readonly webhookPort: number | null;
  readonly synced: Promise<void>;
  counts(): LedgerCounts;
  stop(): Promise<void>;
}

const rulesOf = (
  { nodePolicy: name, devicePolicy }: SchedulerOptions,
  packing: LivePacking,
): PlacingRules => ({
  packing,
  nodePolicy: nodePolicy(name),
  devicePolicy: [devicePolicy],
});

/** All that lives in memory. */
function newState() {
  const ledger = new Ledger();
  const packing = new LivePacking(() => ledger.allNodes());
  return { ledger, packing, pods: new PodMirror(), metrics: new SchedulerRegistry() };
}

/** Returns once it listens; verbs are refused until `synced`. */
export async function buildScheduler(options: SchedulerOptions, log: Logger): Promise<Scheduler> {
  const clock = systemClock;
  const credentials = loadCredentials(options.kubeconfig);
  const client = createKubeClient({ credentials, agent: 'kerf-scheduler' });
  const state = newState();
  const defaults = rulesOf(options, state.packing);
  const vendors = readVendors(options.resourceNames);
  const troubles = reporter({ options, client, clock, log, metrics: state.metrics });
  const watches = startWatches({ ...state, client, clock, vendors, troubles, log });
  const bind = createBind({
    ...state,
    reader: createPodReader(client, (raw) => readPodView(raw, vendors)),
    bindings: createBinder(client),
    defaults,
    assumeMs: options.assumeSeconds * 1000,
    now: clock.now,
  });
  const decisions = new DecisionLog();
  const scene = { snapshot: state.ledger, defaults };
  const verbs = joinExtender({ ...state, scene, bind, watches, vendors, clock, decisions, log });
  const pages = pageRoutes(pagesOf({ ...state, scene, watches, decisions }));
  const others = createApp({ routers: [probeRoutes(watches.isReady), pages] });
  const extender = await listen(extenderListener(verbs, others), options.extenderListen);
  const webhook = await startWebhook({ ...state, options, watches, vendors, pages, clock, log });
  return {
    extenderPort: extender.port,
    webhookPort: webhook?.port ?? null,
    synced: watches.synced,
    counts: () => state.ledger.counts(),
    async stop() {
      // Binds under way are answered first: they need the client.
      await Promise.all([extender.close(), webhook?.close()]);
      watches.stop();
      await client.close();
    },
  };
}

interface PagesJoint {
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  readonly metrics: SchedulerRegistry;
  readonly scene: Scene;
  readonly watches: Watches;
  readonly decisions: DecisionLog;
}

function pagesOf({ ledger, pods, metrics, scene, watches, decisions }: PagesJoint): SchedulerPages {
  return {
    metrics: () => {
      watches.measure();
      return metrics.text();
    },
    async explain(namespace, name) {
      const pod = pods.named(namespace, name);
      if (pod === undefined) return null;
      const holdings = [...ledger.allHoldings()];
      const seen = { ...scene, snapshot: freeze(scene.snapshot), holdings: () => holdings };
      return inSlices(explainInSteps(pod, ledger.holding(pod.uid), seen));
    },
    decisions: (pod) => decisions.all(pod).map(encodeDecision),
    snapshot: () => encodeSnapshot(scene, ledger.allHoldings()),
  };
}

interface ReporterJoint {
  readonly options: SchedulerOptions;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SchedulerRegistry;
}

/** Trouble is said three times: in the log, as a metric, and as an Event. */
function reporter({ options, client, clock, log, metrics }: ReporterJoint): TroubleSink {
  const writeEvent = createEventWriter({
    client,
    clock,
    controller: 'kerf.dev/scheduler',
    instance: options.instance,
    onFault: (fault) => log.warn({ err: fault }, 'an event could not be written'),
  });
  return {
    tell(trouble) {
      log.error({ ...trouble }, 'cannot be read, so it counts as held');
      metrics.count('troubles', { kind: trouble.kind });
      writeEvent(trouble);
    },
  };
}
