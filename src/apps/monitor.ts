// SPDX-License-Identifier: Apache-2.0
// Door of room 7: on each node, reads slots, regions and the driver, and tells what is granted and what is used.
//
//   device plugin ── /v1/slots ──▶ ┐
//   <state-dir>/slots/*/region ──▶ ├─ usage ─▶ /metrics, /v1/usage
//   driver (its own child) ──────▶ ┘           /healthz
//
// It reads when it is asked, and writes nothing.
import { hostname } from 'node:os';
import { Command } from 'commander';
import { pino } from 'pino';
import { ownRegistry } from '../adapters/exposition/own-registry.js';
import { CONTENT_TYPE, exposition } from '../adapters/exposition/prometheus.js';
import { json, type Serving, plain, type Routes, serveRoutes } from '../adapters/http/routes.js';
import { type Driver, openDriver } from '../adapters/nvml/driver.js';
import { slotsClient } from '../adapters/plugin/slots-client.js';
import { readRegion, regionPath } from '../adapters/region/region-file.js';
import type { Result } from '../core/result.js';
import { familiesOf } from '../observing/metrics.js';
import { stateOf } from '../observing/state.js';
import { type DeviceReading, type NodeUsage, usageOf } from '../observing/usage.js';
import type { Region } from '../wire/region.js';
import type { SlotRecord } from '../wire/slots.js';
import type { SlotsClient } from '../adapters/plugin/slots-client.js';

interface Options {
  readonly nodeName: string;
  readonly stateDir: string;
  readonly listen: string;
  readonly pluginUrl: string;
  readonly nvmlLibrary?: string;
}

interface Sources {
  readonly options: Options;
  readonly driver: Driver;
  readonly plugin: SlotsClient;
}

const log = pino({ name: 'kerf-monitor', level: process.env.KERF_LOG_LEVEL ?? 'info' });

function readOptions(): Options {
  return new Command('kerf-monitor')
    .description('Tells what is granted and what is used on this node.')
    .option('--node-name <name>', 'name of the Node', process.env.NODE_NAME ?? hostname())
    .option('--state-dir <folder>', 'where the device plugin keeps slots and regions', '/var/lib/kerf')
    .option('--listen <address>', 'host:port to serve on', '127.0.0.1:9401')
    .option('--plugin-url <url>', 'where the device plugin serves /v1/slots', 'http://127.0.0.1:9402')
    .option('--nvml-library <path>', 'driver library to open instead of the system’s')
    .parse()
    .opts<Options>();
}

async function look({ options, driver, plugin }: Sources): Promise<NodeUsage> {
  const [{ slots, problem }, told] = await Promise.all([plugin.slots(), readDriver(driver)]);
  return usageOf({
    node: options.nodeName,
    sources: [
      { name: 'driver', problem: told.problem },
      { name: 'device-plugin', problem },
    ],
    devices: told.devices,
    slots,
    regions: await readRegions(options.stateDir, slots),
  });
}

async function readDriver(driver: Driver): Promise<{ devices: readonly DeviceReading[]; problem: string }> {
  try {
    return { devices: await driver.read(), problem: '' };
  } catch (fault) {
    return { devices: [], problem: `driver: ${fault instanceof Error ? fault.message : String(fault)}` };
  }
}

async function readRegions(
  stateDir: string,
  slots: readonly SlotRecord[],
): Promise<ReadonlyMap<string, Result<Region, string>>> {
  const regions = new Map<string, Result<Region, string>>();
  for (const { slot } of slots) {
    const region = await readRegion(regionPath(stateDir, slot));
    if (region !== null) regions.set(slot, region);
  }
  return regions;
}

/** Askers at the same moment share one look. */
function shared(act: () => Promise<NodeUsage>): () => Promise<NodeUsage> {
  let running: Promise<NodeUsage> | null = null;
  return () => {
    running ??= act().finally(() => {
      running = null;
    });
    return running;
  };
}

function routesOf(usageNow: () => Promise<NodeUsage>): Routes {
  const own = ownRegistry('monitor');
  return {
    '/metrics': async () => ({
      contentType: CONTENT_TYPE,
      body: await exposition(familiesOf(await usageNow()), own),
    }),
    '/v1/usage': async () => json(stateOf(await usageNow())),
    // Always 200: restarting us brings back neither plugin nor driver.
    '/healthz': async () => plain(200, ['ok', ...stateOf(await usageNow()).problems].join('\n')),
  };
}

/** A source is logged when it begins and when it ceases to fail, not at each look. */
function logChanges(): (usage: NodeUsage) => void {
  const before = new Map<string, string>();
  return ({ sources }) => {
    for (const { name, problem } of sources) {
      const old = before.get(name) ?? '';
      if (problem !== '' && old === '') log.warn({ source: name, problem }, 'cannot be asked');
      if (problem === '' && old !== '') log.info({ source: name }, 'answers again');
      before.set(name, problem);
    }
  };
}

function stopOnSignal(listening: Serving, driver: Driver): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      void Promise.all([listening.close(), driver.close()]).then(() => process.exit(0));
    });
}

async function main(): Promise<void> {
  const options = readOptions();
  const sources = {
    options,
    driver: openDriver(options.nvmlLibrary),
    plugin: slotsClient(options.pluginUrl),
  };
  const told = logChanges();
  const usageNow = shared(async () => {
    const usage = await look(sources);
    told(usage);
    return usage;
  });
  const listening = await serveRoutes(options.listen, routesOf(usageNow));
  log.info({ url: listening.url, node: options.nodeName }, 'listening');
  stopOnSignal(listening, sources.driver);
}

main().catch((fault: unknown) => {
  log.fatal({ err: fault }, 'cannot start');
  process.exit(3);
});
