// SPDX-License-Identifier: Apache-2.0
// Door: `npm run demo`. From a fresh clone to pods that share a device, on a real cluster on this machine.
//   npm run demo -- --api-only   placing only, on nodes that are objects: needs no root
//   npm run demo -- --down       ends it
import { Command } from 'commander';
import { DemoApi } from './demo/api.js';
import { makePaperNodes, placeOnly } from './demo/api-only.js';
import { cluster, patiently, quiet, told } from './demo/command.js';
import { lookAround } from './demo/preflight.js';
import type { Reach } from './demo/reach.js';
import { Stage } from './demo/stage.js';
import { walk } from './demo/walk.js';

interface DemoOptions {
  readonly down?: true;
  readonly apiOnly?: true;
  readonly name: string;
}

const NODES = ['--nodes', '2', '--gpus', 'n1=A100-40G*2,n2=H200-141G*1', '--workload'];
/** Of `npm run cluster`. */
const CLUSTER_EXIT = { usage: 2, notRunning: 3 } as const;
const stage = new Stage();

function readOptions(): DemoOptions {
  return new Command('npm run demo --')
    .description('Shows Kerf on a real cluster on this machine. No GPU is needed.')
    .option('--down', 'end the demo and remove all it left')
    .option('--api-only', 'placing only: no nodes, no root')
    .option('--name <name>', 'name of the cluster', 'demo')
    .parse()
    .opts<DemoOptions>();
}

async function main(): Promise<number> {
  const options = readOptions();
  const found = await quiet(cluster('status', '--name', options.name));
  if (found.code === CLUSTER_EXIT.usage) {
    stage.say(found.stderr.trim(), 'bad');
    return CLUSTER_EXIT.usage;
  }
  if (options.down) return endDemo(options.name, found.code !== CLUSTER_EXIT.notRunning);
  const ground = lookAround();
  if (ground.missing.length > 0) {
    stage.say(`The demo needs programs that are not here: ${ground.missing.join(', ')}.`, 'bad');
    return 1;
  }
  const isApiOnly = options.apiOnly === true || ground.whyNoNodes !== '';
  if (ground.whyNoNodes !== '')
    stage.say(`Not shown: containers and their limits, since ${ground.whyNoNodes}. Placing is.`, 'warn');
  await (isApiOnly ? showPlacing(options.name) : showAll(options.name));
  return 0;
}

/** Also where none runs: one that was killed half-way leaves things behind. */
async function endDemo(name: string, didRun: boolean): Promise<number> {
  await told(cluster('down', '--name', name));
  if (didRun) stage.say('The demo is over; nothing of it runs any more.', 'good');
  else stage.say(`No demo named ${name} runs.`, 'warn');
  return 0;
}

async function showAll(name: string): Promise<void> {
  stage.chapter('Getting the machine ready: packages, Kubernetes from source (first time 5 to 8 minutes)');
  await told(['npm', 'run', '-s', 'cluster:build']);
  await build();
  stage.chapter('A real cluster: two nodes, three devices that are libraries');
  await told(cluster('up', '--name', name, ...NODES));
  const reach = await install(name);
  await walk({ name, reach, stage, api: new DemoApi(reach.kubeconfig) });
  whatNext(name, reach);
}

async function showPlacing(name: string): Promise<void> {
  await build();
  stage.chapter('A real API server, and nodes that are objects only (first time 4 to 6 minutes)');
  await told(cluster('up', '--name', name, '--api-only'));
  const kubeconfig = (await told(cluster('kubeconfig', '--name', name))).trim();
  await makePaperNodes(new DemoApi(kubeconfig));
  const reach = await install(name);
  await placeOnly({ name, reach, stage, api: new DemoApi(reach.kubeconfig) });
  whatNext(name, reach);
}

async function build(): Promise<void> {
  stage.chapter('Building Kerf (first time about a minute)');
  await patiently(['npm', 'run', '-s', 'build'], (line) => stage.say(line, 'dim'));
}

async function install(name: string): Promise<Reach> {
  stage.chapter('Installing Kerf from its chart');
  return JSON.parse(await told(cluster('kerf', '--name', name, '--json'))) as Reach;
}

function whatNext(name: string, reach: Reach): void {
  const hasNodes = reach.monitors.length > 0;
  const rows = [
    `export KUBECONFIG=${reach.kubeconfig} KERF_SCHEDULER=${reach.scheduler}`,
    ...(hasNodes ? [`export KERF_MONITORS=${reach.monitors.join(',')}`] : []),
    'node dist/kerf.js devices                         what is granted of each device',
    ...(hasNodes ? ['node dist/kerf.js top                             what is used of it, live'] : []),
    'node dist/kerf.js explain too-large -n demo       why a pod waits',
    `npm run cluster -- kubectl --name ${name} get pods -A -o wide`,
    ...(hasNodes
      ? [`npm run cluster -- kubectl --name ${name} exec -n demo small -- kerf-workload alloc 5000`]
      : []),
    `npm run demo -- --down${name === 'demo' ? '' : ` --name ${name}`}                             ends it`,
  ];
  stage.chapter('It stays up. Try next');
  for (const row of rows) stage.say(`   ${row}`);
}

main().then(
  (code) => process.exit(code),
  (fault: unknown) => {
    stage.say(`The demo stopped: ${fault instanceof Error ? fault.message : String(fault)}`, 'bad');
    stage.say('`npm run demo -- --down` cleans up.', 'dim');
    process.exit(3);
  },
);
