// SPDX-License-Identifier: Apache-2.0
// Joins rooms 1 to 4 to the world. No decision is made here.
import type { Logger } from 'pino';
import { systemClock } from '../../adapters/clock.js';
import { SchedulerRegistry } from '../../adapters/exposition/scheduler-registry.js';
import { extenderListener } from '../../adapters/http/extender-routes.js';
import { pageRoutes, probeRoutes, type SchedulerPages } from '../../adapters/http/scheduler-routes.js';
import { createApp, listen } from '../../adapters/http/server.js';
import { createBinder, createPodReader } from '../../adapters/kubernetes/binder.js';
import { createKubeClient } from '../../adapters/kubernetes/client.js';
import { loadCredentials } from '../../adapters/kubernetes/credentials.js';
import { createEventWriter, type EventWriterOptions } from '../../adapters/kubernetes/events.js';
import { readVendors } from '../../adapters/vendors-file.js';
import { Ledger, type LedgerCounts } from '../../core/ledger.js';
import { Foresight } from '../../core/foresight.js';
import { LivePacking } from '../../core/packing/live.js';
import { nodePolicy, type PlacingRules } from '../../core/policies.js';
import { freeze } from '../../core/snapshot.js';
import { hamiGranted } from '../../observing/hami-metrics.js';
import { createBind } from '../../scheduling/bind.js';
import { DecisionLog } from '../../scheduling/decision-log.js';
import { explainInSteps } from '../../scheduling/explain.js';
import { PolicyInForce, sceneFor, type Stage } from '../../scheduling/policy.js';
import { PodMirror } from '../../scheduling/pod-mirror.js';
import type { TroubleSink } from '../../scheduling/ports.js';
import { encodeDecision } from '../../wire/decisions.js';
import { readPodView } from '../../wire/pod-view.js';
import { encodeSnapshot } from '../../wire/snapshot.js';
import { joinExtender } from './extender.js';
import type { SchedulerOptions } from './options.js';
import { startPolicyWatch } from './policy.js';
import { resizerWith } from './resize.js';
import { inSlices } from './slices.js';
import { startWatches, type Watches, type WatchesOptions } from './watches.js';
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
  const foresight = new Foresight(ledger);
  const packing = new LivePacking(
    () => ledger.allNodes(),
    (next) => foresight.under(next),
  );
  return { ledger, packing, foresight, pods: new PodMirror(), metrics: new SchedulerRegistry() };
}

/** Returns once it listens; verbs are refused until `synced`. */
export async function buildScheduler(options: SchedulerOptions, log: Logger): Promise<Scheduler> {
  const clock = systemClock;
  const credentials = loadCredentials(options.kubeconfig);
  const client = createKubeClient({ credentials, agent: 'kerf-scheduler' });
  const state = newState();
  const vendors = readVendors(options.resourceNames);
  const inForce = new PolicyInForce(rulesOf(options, state.packing));
  const resizer = resizerWith({
    ...{ ...state, options, client, clock, vendors, log, events: eventsOf({ options, client, clock, log }) },
    isReady: () => watches.isReady(),
  });
  const watches = watchWith({ ...state, options, client, clock, vendors, log, inForce, resizer });
  const bind = createBind({
    ...state,
    reader: createPodReader(client, (raw) => readPodView(raw, vendors)),
    bindings: createBinder(client),
    rulesFor: (pod) => inForce.rulingFor(pod).rules,
    computeFor: (namespace) => inForce.nodeRulingFor(namespace).compute,
    assumeMs: options.assumeSeconds * 1000,
    now: clock.now,
  });
  const decisions = new DecisionLog();
  const stage: Stage = { snapshot: state.ledger, rulingFor: (pod) => inForce.rulingFor(pod) };
  const verbs = joinExtender({ ...state, stage, bind, watches, vendors, clock, decisions, log });
  const pages = pageRoutes(pagesOf({ ...state, options, stage, inForce, watches, decisions }));
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

interface WatchJoint extends Omit<WatchesOptions, 'troubles' | 'overcommit' | 'startPolicy'> {
  readonly options: SchedulerOptions;
  readonly inForce: PolicyInForce;
}

function watchWith(joint: WatchJoint): Watches {
  const { options, inForce, log, metrics } = joint;
  const events = eventsOf(joint);
  return startWatches({
    ...joint,
    troubles: reporter({ events, log, metrics }),
    overcommit: () => inForce.document.overcommit ?? [],
    startPolicy: (onApplied) =>
      startPolicyWatch({ ...joint, events, configMap: options.policyConfigmap }, onApplied),
  });
}

interface PagesJoint {
  readonly options: SchedulerOptions;
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  readonly metrics: SchedulerRegistry;
  readonly stage: Stage;
  readonly inForce: PolicyInForce;
  readonly watches: Watches;
  readonly decisions: DecisionLog;
}

function pagesOf(joint: PagesJoint): SchedulerPages {
  const { ledger, pods, metrics, stage, inForce, watches, decisions } = joint;
  const hasHami = joint.options.hamiMetrics;
  return {
    metrics: () => {
      watches.measure();
      return metrics.text(hasHami ? hamiGranted(ledger.allNodes(), ledger.allHoldings()) : []);
    },
    async explain(namespace, name) {
      const pod = pods.named(namespace, name);
      if (pod === undefined) return null;
      const holdings = [...ledger.allHoldings()];
      const scene = sceneFor(stage, pod);
      const seen = { ...scene, snapshot: freeze(scene.snapshot), holdings: () => holdings };
      return inSlices(explainInSteps(pod, ledger.holding(pod.uid), seen));
    },
    decisions: (pod) => decisions.all(pod).map(encodeDecision),
    snapshot: () => encodeSnapshot({ snapshot: ledger, ...inForce.source }, ledger.allHoldings()),
  };
}

function eventsOf({
  options,
  client,
  clock,
  log,
}: Pick<WatchJoint, 'options' | 'client' | 'clock' | 'log'>): EventWriterOptions {
  return {
    ...{ client, clock, controller: 'kerf.dev/scheduler', instance: options.instance },
    onFault: (fault) => log.warn({ err: fault }, 'an event could not be written'),
  };
}

interface ReporterJoint {
  readonly events: EventWriterOptions;
  readonly log: Logger;
  readonly metrics: SchedulerRegistry;
}

/** Trouble is said three times: in the log, as a metric, and as an Event. */
function reporter({ events, log, metrics }: ReporterJoint): TroubleSink {
  const writeEvent = createEventWriter(events);
  return {
    tell(trouble) {
      log.error({ ...trouble }, 'cannot be read, so it counts as held');
      metrics.count('troubles', { kind: trouble.kind });
      writeEvent(trouble);
    },
  };
}
