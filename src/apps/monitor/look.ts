// SPDX-License-Identifier: Apache-2.0
// Part: what is granted and what is used, read when it is asked for and at no other time.
import { json, plain, type Routes } from '../../adapters/http/routes.js';
import type { Driver } from '../../adapters/probes/driver.js';
import { readRegion, regionPath } from '../../adapters/region/region-file.js';
import type { Result } from '../../core/result.js';
import { hamiUsage } from '../../observing/hami-metrics.js';
import { familiesOf } from '../../observing/metrics.js';
import { stateOf } from '../../observing/state.js';
import { type DeviceReading, type NodeUsage, usageOf } from '../../observing/usage.js';
import type { Region } from '../../wire/region.js';
import type { SlotRecord } from '../../wire/slots.js';
import type { Context, Part } from './part.js';

export function startLook(context: Context): Part {
  const told = logChanges(context);
  const usageNow = shared(async () => {
    const usage = await look(context);
    told(usage);
    return usage;
  });
  return {
    families: async () => {
      const usage = await usageNow();
      return [...familiesOf(usage), ...(context.options.hamiMetrics ? hamiUsage(usage) : [])];
    },
    routes: routesOf(usageNow),
    stop: () => undefined,
  };
}

async function look({ options, node, driver, plugin, board }: Context): Promise<NodeUsage> {
  const [{ slots, problem }, told] = await Promise.all([plugin.slots(), readDriver(driver)]);
  return usageOf({
    node,
    sources: [
      { name: 'driver', problem: told.problem },
      { name: 'device-plugin', problem },
    ],
    devices: told.devices,
    slots,
    drifts: board.drifts,
    regions: await readRegions(options.stateDir, slots),
  });
}

async function readDriver(driver: Driver): Promise<{ devices: readonly DeviceReading[]; problem: string }> {
  try {
    return { devices: await driver.read(), problem: driver.problem };
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
  return {
    '/v1/usage': async () => json(stateOf(await usageNow())),
    // Always 200: restarting us brings back neither plugin nor driver.
    '/healthz': async () => plain(200, ['ok', ...stateOf(await usageNow()).problems].join('\n')),
  };
}

/** A source is logged when it begins and when it ceases to fail, not at each look. */
function logChanges({ log }: Context): (usage: NodeUsage) => void {
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
