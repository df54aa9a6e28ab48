// SPDX-License-Identifier: Apache-2.0
import type { Router } from 'express';
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';
import type { SchedulerRegistry } from '../../adapters/exposition/scheduler-registry.js';
import { behindGate } from '../../adapters/http/caller-gate.js';
import type { Outcome } from '../../adapters/http/extender-routes.js';
import { createApp, listen } from '../../adapters/http/server.js';
import { tlsServer } from '../../adapters/http/tls.js';
import { type AnswerKind, webhookRoutes } from '../../adapters/http/webhook.js';
import { createKubeClient } from '../../adapters/kubernetes/client.js';
import { loadCredentials } from '../../adapters/kubernetes/credentials.js';
import { createCallerGate } from '../../adapters/kubernetes/reviews.js';
import { admit } from '../../admission/admit.js';
import type { PresentNodes } from '../../admission/present.js';
import type { Device } from '../../core/device.js';
import type { Ledger } from '../../core/ledger.js';
import type { Vendor } from '../../vendors/index.js';
import type { SchedulerOptions } from './options.js';
import type { Watches } from './watches.js';

export interface WebhookJoint {
  readonly options: SchedulerOptions;
  readonly ledger: Ledger;
  readonly watches: Watches;
  readonly vendors: readonly Vendor[];
  /** The scheduler's own, shown here to callers whom the API server lets. */
  readonly pages: Router;
  readonly clock: Clock;
  readonly metrics: SchedulerRegistry;
  readonly log: Logger;
}

export interface Webhook {
  readonly port: number;
  close(): Promise<void>;
}

const OUTCOMES: Readonly<Record<AnswerKind, Outcome>> = {
  admitted: 'ok',
  ignored: 'ok',
  refused: 'refused',
  unreadable: 'error',
  failed: 'error',
};

const LOOK_FOR_NEW_CERTIFICATE_MS = 10_000;

/** null where no certificate was given. */
export async function startWebhook(joint: WebhookJoint): Promise<Webhook | null> {
  const { options, ledger, watches, vendors, metrics, log } = joint;
  const { tlsCert, tlsKey, schedulerName, devicesPerContainer } = options;
  if (tlsCert === undefined || tlsKey === undefined) return null;
  const present = (): PresentNodes => (watches.isReady() ? () => devicesPerNode(ledger) : null);
  const routes = webhookRoutes({
    admit: (pod) => admit(pod, { vendors, schedulerName, devicesPerContainer, present: present() }),
    onAnswer(kind, ms) {
      metrics.observe('verbSeconds', ms / 1000, { verb: 'admit' });
      metrics.count('decisions', { verb: 'admit', outcome: OUTCOMES[kind] });
    },
    onFault: (fault) => log.error({ err: fault }, 'admission failed'),
  });
  const callers = openToCallers(joint);
  const app = createApp({ routers: [routes, callers.pages] });
  const { server, stop } = tlsServer(app, {
    certFile: tlsCert,
    keyFile: tlsKey,
    everyMs: LOOK_FOR_NEW_CERTIFICATE_MS,
    onReload: () => log.info('a new certificate is served'),
    onFault: (fault) => log.error({ err: fault }, 'the new certificate is no good: the old one stays'),
  });
  const listening = await listen(app, options.webhookListen, server);
  return {
    port: listening.port,
    async close() {
      stop();
      await listening.close();
      await callers.close();
    },
  };
}

/** The API server is asked about callers on connections of their own: a crowd of them holds up no bind. */
function openToCallers({ options, pages, clock, log }: WebhookJoint) {
  const client = createKubeClient({
    credentials: loadCredentials(options.kubeconfig),
    agent: 'kerf-scheduler-reviews',
    connections: 2,
  });
  const onFault = (fault: unknown): void => log.warn({ err: fault }, 'a caller could not be judged');
  const gate = createCallerGate({ client, clock });
  return { pages: behindGate(pages, { gate, onFault }), close: () => client.close() };
}

function* devicesPerNode(ledger: Ledger): Iterable<readonly Device[]> {
  for (const { vendors } of ledger.allNodes())
    yield [...vendors.values()].flatMap(({ devices }) => devices.map(({ device }) => device));
}
