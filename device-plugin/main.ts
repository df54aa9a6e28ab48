// SPDX-License-Identifier: Apache-2.0
// Door of room 5: on each node, gives slots to the kubelet and turns placements into limited containers.
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { systemClock } from '../src/adapters/clock.js';
import { askRuntime } from '../src/adapters/cri/runtime.js';
import { plain, serveRoutes } from '../src/adapters/http/routes.js';
import { createKubeClient } from '../src/adapters/kubernetes/client.js';
import { loadCredentials } from '../src/adapters/kubernetes/credentials.js';
import { Proc } from '../src/adapters/processes/proc.js';
import { readVendors } from '../src/adapters/vendors-file.js';
import type { GivenSlot } from '../src/core/given.js';
import { CdiGate } from './cdi-gate.js';
import { ForeignMemory } from './foreign.js';
import { type PluginOptions, readOptions } from './options.js';
import { openProbe } from './probe.js';
import { type BoundSlot, slicesOf } from './slot.js';
import { Room } from './room.js';
import { encodeRows } from './slot-rows.js';
import { SlotStore } from './slots.js';

async function run(options: PluginOptions, log: Logger): Promise<void> {
  const vendor = readVendors(options.resourceNames).find(({ name }) => name === options.vendor);
  if (vendor === undefined)
    throw new Error(
      `--vendor ${options.vendor} is off in this cluster: want 'enabled: true' under its name in --resource-names`,
    );
  const client = createKubeClient({
    credentials: loadCredentials(options.kubeconfig),
    agent: 'kerf-device-plugin',
    connections: 4,
  });
  const store = await SlotStore.open(join(options.stateDir, 'slots'), vendor.resources.count);
  const probe = openProbe(options, {
    onUnlinked: (fault) => log.warn({ err: fault }, 'the driver does not tell how devices are linked'),
    onDeaf: (fault) => log.warn({ err: fault }, 'the driver tells no events: devices are looked at only'),
    onEvent: (event) => room.devices.hear(event),
    foreign: new ForeignMemory(new Proc(options.procDir), () => store.bound().map(givenSlot)),
  });
  const room = new Room({ options, vendor, client, store, probe: probe.read, clock: systemClock, log });
  const gate = gateOf(options, room, log);
  const listening = await serveRoutes(options.metricsListen, routesOf(room, gate));
  const stop = async (): Promise<void> => {
    gate.stop();
    await Promise.allSettled([room.stop()]);
    await Promise.allSettled([probe.close(), listening.close(), client.close()]);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
  log.info({ options }, 'starting');
  await room.start();
  await gate.start();
}

const givenSlot = ({ slot, owner }: BoundSlot): GivenSlot => ({
  slot,
  podUid: owner.podUid,
  deviceIds: slicesOf(owner).map(({ deviceId }) => deviceId),
});

function gateOf(options: PluginOptions, room: Room, log: Logger): CdiGate {
  return new CdiGate({
    ask: () => askRuntime(options.criSocket),
    cdiFolder: options.cdiDir,
    isAssumed: options.assumeCdi,
    clock: systemClock,
    open: () => room.registrar.start(),
    shut: () => room.registrar.stop(),
    onProblem: (problem) => log.error({ problem }, 'not registered'),
  });
}

function routesOf(room: Room, gate: CdiGate) {
  return {
    '/healthz': async () => {
      const problem = room.isReady
        ? gate.problem || room.registrar.problem
        : 'the driver has not answered yet';
      return problem === '' ? plain(200, 'ok') : plain(503, problem);
    },
    '/metrics': async () => ({
      contentType: room.metrics.registry.contentType,
      body: await room.metrics.registry.metrics(),
    }),
    '/v1/slots': async () => ({ contentType: 'application/json', body: encodeRows(room.rows()) }),
  };
}

/** Each line names the node: lines of all nodes end in one place. */
const logger = pino({ name: 'kerf-device-plugin', level: process.env.KERF_LOG_LEVEL ?? 'info' });
try {
  const options = readOptions(process.argv.slice(2), process.env);
  await run(options, logger.child({ node: options.nodeName }));
} catch (fault) {
  logger.fatal({ err: fault }, fault instanceof Error ? fault.message : 'cannot start');
  process.exitCode = 1;
  // Sockets and watches would keep a half-started process alive.
  setTimeout(() => process.exit(1), 100).unref();
}
