// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './pids.js';
import { type Place, type ProgramSpec, spawnIn, tail } from './programs.js';

/**
 * Makes an address inside the cluster's network reachable on 127.0.0.1 of the outer machine; answers the port.
 * The relay listens outside and dials inside, and lives in the PID namespace, so that it ends with the cluster.
 */
export async function openRelay(place: Place, name: string, target: string): Promise<number> {
  if (!place.init) return Number(target.slice(target.lastIndexOf(':') + 1)); // no namespaces, no wall
  const portFile = join(place.stateDir, `${name}.port`);
  rmSync(portFile, { force: true });
  const program = await spawnIn(place, relaySpec(place, { name, target, portFile }));
  if (!(await until(() => existsSync(portFile), 10_000)))
    throw new Error(`the relay to ${target} did not start: ${tail(program.logFile)}`);
  return Number(readFileSync(portFile, 'utf8'));
}

function relaySpec(place: Place, to: { name: string; target: string; portFile: string }): ProgramSpec {
  const listen = '127.0.0.1:0';
  const argv = [
    join(place.binDir, 'relay'),
    '-listen',
    listen,
    '-dial',
    to.target,
    '-port-file',
    to.portFile,
  ];
  return { name: to.name, argv, network: 'outside' };
}
