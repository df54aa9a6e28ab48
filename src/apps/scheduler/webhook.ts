// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import { createApp, listen } from '../../adapters/http/server.js';
import { tlsServer } from '../../adapters/http/tls.js';
import { webhookRoutes } from '../../adapters/http/webhook.js';
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
  readonly log: Logger;
}

export interface Webhook {
  readonly port: number;
  close(): Promise<void>;
}

const LOOK_FOR_NEW_CERTIFICATE_MS = 10_000;

/** null where no certificate was given. */
export async function startWebhook({
  options,
  ledger,
  watches,
  vendors,
  log,
}: WebhookJoint): Promise<Webhook | null> {
  const { tlsCert, tlsKey, schedulerName, devicesPerContainer } = options;
  if (tlsCert === undefined || tlsKey === undefined) return null;
  const present = (): PresentNodes => (watches.isReady() ? () => devicesPerNode(ledger) : null);
  const routes = webhookRoutes({
    admit: (pod) => admit(pod, { vendors, schedulerName, devicesPerContainer, present: present() }),
    onFault: (fault) => log.error({ err: fault }, 'admission failed'),
  });
  const app = createApp({ routers: [routes] });
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
    close: () => {
      stop();
      return listening.close();
    },
  };
}

function* devicesPerNode(ledger: Ledger): Iterable<readonly Device[]> {
  for (const { vendors } of ledger.allNodes())
    yield [...vendors.values()].flatMap(({ devices }) => devices.map(({ device }) => device));
}
