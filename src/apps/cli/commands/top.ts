// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Io, Misused } from '../io.js';
import { quitKey } from '../keys.js';
import { type KubeOptions, openKube } from '../kube.js';
import { askAll, type Looks, type Monitor, monitorAt, monitorsOf } from '../monitors.js';
import { usageFrame } from '../usage-frame.js';

interface TopOptions extends KubeOptions {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly interval: string;
  readonly monitor: readonly string[];
}

const EXAMPLES = `
Examples:
  kerf top                                    ask every monitor through the API server
  kerf top --once --json                      one look, for programs
  kerf top --monitor n1=http://127.0.0.1:9401 ask this monitor alone (also KERF_MONITORS, by commas)

Live: q ends it. In a narrow terminal columns leave: the bar, CORES, PEAK, CONTAINER; NOTE is shortened.

NOTE:
  starting     the container has not been seen running; one that crashes at once, or has ended, stays so
  unenforced   no process of the container has loaded the library (static program, or nothing that uses the device yet)
`;

/** The other screen of the terminal, so that the user's scrollback stays; no cursor; long lines are cut. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const WIPE_LINE = '\u001b[K';
const WIPE_BELOW = '\u001b[J';

export function addTop(program: Command, io: Io): void {
  program
    .command('top')
    .description('Devices and slices: used against granted, live.')
    .option('--once', 'one look, then end')
    .option('--json', 'one look as JSON, then end')
    .option('--interval <seconds>', 'time between looks', '2')
    .option('--monitor <node=url>', 'a monitor to ask; may be repeated', collect, [])
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => top(command.optsWithGlobals<TopOptions>(), io));
}

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

async function top(options: TopOptions, io: Io): Promise<void> {
  const intervalMs = readInterval(options.interval);
  const monitors = await findMonitors(options, io);
  const isLive = io.isTty && options.once !== true && options.json !== true;
  if (isLive) return live(monitors, intervalMs, io);
  const looks = await askAll(monitors);
  if (options.json === true) io.out(JSON.stringify(looks, null, 2));
  else if (looks.nodes.length > 0) io.out(frameOf(looks, io));
  if (looks.nodes.length === 0) throw new Error(whyNobody(looks));
}

function readInterval(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600))
    throw new Misused(`--interval is ${text}: want 0.1 to 3600 seconds`);
  return seconds * 1000;
}

async function findMonitors(options: TopOptions, io: Io): Promise<readonly Monitor[]> {
  const isFlag = options.monitor.length > 0;
  const stated = isFlag ? options.monitor : (io.env.KERF_MONITORS ?? '').split(',');
  const addresses = stated.filter((address) => address !== '');
  if (addresses.length > 0)
    return addresses.map((text) => monitorAt(text, isFlag ? '--monitor' : 'KERF_MONITORS'));
  const monitors = await monitorsOf(openKube(options));
  if (monitors.length === 0)
    throw new Error('no monitor runs in this cluster: is Kerf installed? --monitor node=url names one');
  return monitors;
}

const frameOf = ({ nodes, silent }: Looks, { hasColour, width }: Io): string =>
  usageFrame(nodes, silent, { hasColour, width: width?.() });

const whyNobody = ({ silent }: Looks): string =>
  `no monitor answered: ${silent.map(({ node, why }) => `${node}: ${why}`).join('; ')}`;

async function live(monitors: readonly Monitor[], intervalMs: number, io: Io): Promise<void> {
  process.stdout.write(ENTER);
  const { signal, restore } = quitKey(io.stop);
  // A monitor that does not answer takes seconds: the user who quits does not wait for it.
  const ended = once(signal, 'abort').then(() => null);
  try {
    while (!signal.aborted) {
      const looks = await Promise.race([askAll(monitors), ended]);
      if (looks === null) return;
      draw(frameOf(looks, io));
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    restore();
    process.stdout.write(LEAVE);
  }
}

/** Each line wipes its own rest: no flicker, nothing left of a longer line. */
function draw(frame: string): void {
  const lines = frame.split('\n').map((line) => `${line}${WIPE_LINE}`);
  process.stdout.write(`${HOME}${lines.join('\n')}\n${WIPE_BELOW}`);
}
