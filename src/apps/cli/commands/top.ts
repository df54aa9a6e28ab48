// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { openDrivers } from '../../../adapters/probes/driver.js';
import { lookHere } from '../../../adapters/run/look.js';
import { sliceFolders } from '../../../adapters/run/slices.js';
import { localStateOf } from '../../../observing/local.js';
import { type Io, Misused } from '../io.js';
import type { KubeOptions } from '../kube.js';
import { live } from '../live.js';
import { localFrame, type LocalLook } from '../local-frame.js';
import { askAll, chosenMonitors, monitorOption, type Looks, whyNobody } from '../monitors.js';
import { usageFrame, type UsageLook } from '../usage-frame.js';

interface TopOptions extends KubeOptions {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly interval: string;
  readonly monitor: readonly string[];
  readonly local?: boolean;
}

const EXAMPLES = `
Examples:
  kerf top                                    ask every monitor through the API server
  kerf top --once --json                      one look, for programs
  kerf top --local                            slices that kerf run started on this machine
  kerf top --monitor n1=http://127.0.0.1:9401 ask this monitor alone (also KERF_MONITORS, by commas)

Live: q ends it. In a narrow terminal columns leave: the bar, CORES, PEAK, CONTAINER, BUSY, THROTTLED, DRIFT; NOTE is shortened.
BUSY and THROTTLED: share of the time since the picture before that the slice used its device, and that its threads
waited for their share of it (many threads wait more than 100 %); in one look THROTTLED is all that they ever waited.

DRIFT is what the driver counts for a slice beyond what its container admits.

NOTE:
  starting     the container has not been seen running yet
  ended        it ran and does not now: how it ended, and what the kubelet waits for
  unenforced   no process of the container has loaded the library (static program, or nothing that uses the device yet)
`;

export function addTop(program: Command, io: Io): void {
  program
    .command('top')
    .description('Devices and slices: used against granted, live.')
    .option('--local', 'this machine’s slices (kerf run); also where no cluster is named')
    .option('--once', 'one look, then end')
    .option('--json', 'one look as JSON, then end')
    .option('--interval <seconds>', 'time between looks', '2')
    .addOption(monitorOption())
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => top(command.optsWithGlobals<TopOptions>(), io));
}

async function top(options: TopOptions, io: Io): Promise<void> {
  const intervalMs = readInterval(options.interval);
  if (isLocal(options, io.env)) return topHere(options, intervalMs, io);
  const monitors = await chosenMonitors(options, io.env);
  const isLive = io.isTty && options.once !== true && options.json !== true;
  const frame = frames(io);
  if (isLive) return live(async () => frame(await askAll(monitors)), intervalMs, io.stop);
  const looks = await askAll(monitors);
  if (options.json === true) io.out(JSON.stringify(looks, null, 2));
  else if (looks.nodes.length > 0) io.out(frame(looks));
  if (looks.nodes.length === 0) throw new Error(whyNobody(looks.silent));
}

function readInterval(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600))
    throw new Misused(`--interval is ${text}: want 0.1 to 3600 seconds`);
  return seconds * 1000;
}

/** Pictures one after the other: shares are told since the one before. */
function frames({ hasColour, width }: Io): (looks: Looks) => string {
  let before: UsageLook | null = null;
  return (looks) => {
    const now = { ...looks, atMs: performance.now() };
    const text = usageFrame(now, before, { hasColour, width: width?.() });
    before = now;
    return text;
  };
}

/** Where no cluster is named in any way, this machine is meant. */
function isLocal(options: TopOptions, env: Io['env']): boolean {
  if (options.local === true) return true;
  const named = [options.kubeconfig, options.context, options.monitor[0], env.KUBECONFIG, env.KERF_MONITORS];
  if (named.some((each) => each !== undefined && each !== '')) return false;
  return env.KUBERNETES_SERVICE_HOST === undefined && !existsSync(join(homedir(), '.kube', 'config'));
}

async function topHere(options: TopOptions, intervalMs: number, io: Io): Promise<void> {
  const driver = openDrivers();
  const folders = sliceFolders(io.env, process.getuid?.() ?? 0);
  const look = async (): Promise<LocalLook> => {
    const readings = await lookHere(folders, driver);
    return { state: localStateOf(readings), atMs: performance.now() };
  };
  let before: LocalLook | null = null;
  const frame = async (): Promise<string> => {
    const now = await look();
    const text = localFrame(now, before, { hasColour: io.hasColour, width: io.width?.() });
    before = now;
    return text;
  };
  try {
    if (options.json === true) return io.out(JSON.stringify((await look()).state, null, 2));
    if (!io.isTty || options.once === true) return io.out(await frame());
    await live(frame, intervalMs, io.stop);
  } finally {
    await driver.close();
  }
}
