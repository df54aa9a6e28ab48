// SPDX-License-Identifier: Apache-2.0
// Door of room 7: on each node, reads slots, regions and the driver, and tells what is granted and what is used.
//
//   device plugin ── /v1/slots ──▶ ┐
//   <state-dir>/slots/*/region ──▶ ├─ parts (monitor/) ─▶ /metrics, /v1/usage
//   driver (its own child) ──────▶ │                      /healthz
//   /proc of the node ───────────▶ │                      Events, signals, limits pages
//   policy document (watched) ───▶ ┘
import { type Logger, pino } from 'pino';
import { systemClock } from '../adapters/clock.js';
import { ownRegistry } from '../adapters/exposition/own-registry.js';
import { CONTENT_TYPE, exposition } from '../adapters/exposition/prometheus.js';
import { type Routes, serveRoutes } from '../adapters/http/routes.js';
import { openDrivers } from '../adapters/probes/driver.js';
import { librariesOf } from '../adapters/probes/open.js';
import { joinedSlots, slotsClient } from '../adapters/plugin/slots-client.js';
import { startArbiter } from './monitor/arbitrate.js';
import { followPolicy, openCluster } from './monitor/cluster.js';
import { startLedger } from './monitor/ledger.js';
import { startLook } from './monitor/look.js';
import { readMonitorOptions } from './monitor/options.js';
import type { Context, Part } from './monitor/part.js';
import { startReconcile } from './monitor/reconcile.js';

/** What the monitor is made of, beside the arbiter. */
const PARTS: readonly ((context: Context) => Part)[] = [startLook, startReconcile, startLedger];

const logger = pino({ name: 'kerf-monitor', level: process.env.KERF_LOG_LEVEL ?? 'info' });

function routesOf(parts: readonly Part[]): Routes {
  const own = ownRegistry('monitor');
  return {
    '/metrics': async () => {
      const families = await Promise.all(parts.map(async (part) => (await part.families?.()) ?? []));
      return { contentType: CONTENT_TYPE, body: await exposition(families.flat(), own) };
    },
    ...Object.assign({}, ...parts.map(({ routes }) => routes)),
  };
}

function stopOnSignal(log: Logger, stop: () => Promise<unknown>): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      void stop().then(() => process.exit(0));
    });
}

async function main(): Promise<void> {
  const options = readMonitorOptions(process.argv, process.env);
  // Each line names the node: lines of all nodes end in one place.
  const log = logger.child({ node: options.nodeName });
  const driver = openDrivers(options.vendor, librariesOf(options));
  const client = openCluster(options);
  const joint = { options, log, clock: systemClock, client };
  const policy = followPolicy(joint);
  const context: Omit<Context, 'clamps'> = {
    ...{ options, log, clock: systemClock, driver, policy, node: options.nodeName },
    board: { drifts: [] },
    plugin: joinedSlots(options.pluginUrl.map(slotsClient)),
    ...(client !== undefined && { client }),
  };
  const arbiter = startArbiter(context);
  const parts = [arbiter, ...PARTS.map((start) => start({ ...context, clamps: arbiter }))];
  const listening = await serveRoutes(options.listen, routesOf(parts));
  log.info({ url: listening.url }, 'listening');
  stopOnSignal(log, async () => {
    policy.stop();
    await Promise.allSettled(parts.map(async (part) => part.stop()));
    await Promise.allSettled([listening.close(), driver.close(), client?.close()]);
  });
}

main().catch((fault: unknown) => {
  logger.fatal({ err: fault }, 'cannot start');
  process.exit(3);
});
