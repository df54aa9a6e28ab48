// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { Command } from 'commander';
import { binDir, VERSIONS } from './binaries.js';
import { type Cluster, openCluster, runningNames } from './cluster.js';
import { downCluster, tearDown } from './down.js';
import { ensureBuilt, WORKLOAD_FILES } from './kerf/artefacts.js';
import { installKerf } from './kerf/install.js';
import { exportsOf, reachKerf } from './kerf/reach.js';
import { checkName, type ClusterOptions, parseGpus, parseLabels, UsageError } from './options.js';
import { entering } from './programs.js';
import { progressTo } from './progress.js';
import { notRunning, statusOf, statusTable } from './status.js';
import { upCluster } from './up.js';

const EXIT = { failed: 1, usage: 2, notRunning: 3 } as const;

interface UpFlags {
  readonly name: string;
  readonly nodes: string;
  readonly gpus?: string;
  readonly label: readonly string[];
  readonly cdiOff: readonly string[];
  readonly apiOnly?: true;
  readonly controllers: boolean;
  readonly workload?: true;
  readonly json?: true;
}

const print = (text: string): void => void process.stdout.write(`${text.trimEnd()}\n`);
const collect = (value: string, before: readonly string[]): string[] => [...before, value];

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`nodes '${text}' is not usable: a whole number, such as 2, is.`);
}

function optionsOf(flags: UpFlags): ClusterOptions {
  return {
    name: flags.name,
    nodes: wholeNumber(flags.nodes),
    apiOnly: flags.apiOnly ?? false,
    controllers: flags.controllers,
    gpus: flags.gpus === undefined ? {} : parseGpus(flags.gpus),
    labels: parseLabels(flags.label),
    cdiOff: flags.cdiOff,
    workloadFiles: flags.workload ? WORKLOAD_FILES : {},
    onProgress: progressTo((line) => process.stderr.write(`${line}\n`)),
  };
}

/** A terminal sends the signal to us and to our parents, who pass it on: only the first one counts. */
function endOnInterrupt(name: string): void {
  let isEnding = false;
  const end = (signal: NodeJS.Signals): void => {
    if (isEnding) return;
    isEnding = true;
    process.stderr.write('interrupted: taking down what was begun\n');
    void tearDown(name).finally(() => process.exit(128 + constants.signals[signal]));
  };
  process.on('SIGINT', end).on('SIGTERM', end);
}

async function up(flags: UpFlags): Promise<void> {
  const options = optionsOf(flags);
  endOnInterrupt(checkName(flags.name));
  if (flags.workload) await ensureBuilt(options.onProgress ?? (() => undefined));
  const cluster = await upCluster(options);
  const status = await statusOf(cluster);
  print(flags.json ? JSON.stringify(status, null, 2) : statusTable(status));
  process.exit(0); // the client's idle connections would hold us for a while
}

function running(name: string): Cluster {
  const cluster = openCluster(checkName(name));
  if (cluster) return cluster;
  process.stderr.write(`${notRunning(name, runningNames())}\n`);
  process.exit(EXIT.notRunning);
}

async function status(flags: { name: string; json?: true }): Promise<void> {
  const found = await statusOf(running(flags.name));
  print(flags.json ? JSON.stringify(found, null, 2) : statusTable(found));
  process.exit(found.ready ? 0 : EXIT.failed);
}

/** Installs Kerf, or starts its programs anew; prints how to reach it from outside. */
async function kerf(flags: { name: string; json?: true }): Promise<void> {
  const cluster = running(flags.name);
  const onProgress = progressTo((line) => process.stderr.write(`${line}\n`));
  await installKerf(cluster, { onProgress });
  const reach = await reachKerf(cluster);
  print(flags.json ? JSON.stringify(reach) : exportsOf(reach));
  process.exit(0);
}

/** Hands the terminal over to a command; its exit code becomes ours. */
async function handOver(argv: readonly string[]): Promise<never> {
  const [command = '', ...args] = argv;
  const env = { ...process.env, PATH: `${binDir()}:${process.env.PATH ?? ''}` }; // ctr, kubectl, helm
  const child = spawn(command, args, { stdio: 'inherit', env });
  process.on('SIGINT', () => undefined); // the child gets it too, and decides
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exit(code ?? EXIT.failed);
}

function exec(command: readonly string[], flags: { name: string; node?: string }): Promise<never> {
  const cluster = running(flags.name);
  return handOver([...entering(cluster, flags.node), ...command]);
}

function kubectl(args: readonly string[], flags: { name: string }): Promise<never> {
  const cluster = running(flags.name);
  return handOver([
    `${cluster.binDir}/kubectl`,
    `--kubeconfig=${cluster.kubeconfigPath}`,
    `--cache-dir=${cluster.stateDir}/kubectl`,
    ...args,
  ]);
}

const EXAMPLES = `
Examples:
  npm run cluster -- up                                            one node
  npm run cluster -- up --nodes 2 --gpus "n1=A100-40G*2,n2=H200-141G*1"
  npm run cluster -- up --name api --api-only                      no nodes, no root needed
  npm run cluster -- kubectl get pods -A
  npm run cluster -- exec --node n1 -- ls /var/lib/kubelet
  KUBECONFIG=$(npm run -s cluster -- kubeconfig) kubectl get nodes
  eval "$(npm run -s cluster -- kerf)"                             Kerf on it; then: node dist/kerf.js top
  npm run cluster -- down

Exit codes: 0 done, 1 failed, 2 wrong use, 3 no such cluster is running; exec and kubectl give those of the command.`;

function program(): Command {
  const root = new Command('cluster')
    .description(`A real Kubernetes ${VERSIONS.kubernetes} on this machine, in namespaces of its own.`)
    .enablePositionalOptions()
    .exitOverride((cause) => process.exit(cause.exitCode === 0 ? 0 : EXIT.usage))
    .addHelpText('after', EXAMPLES);
  const named = (verb: string, text: string): Command =>
    root.command(verb).description(text).option('--name <name>', 'which cluster', 'default');
  named('up', 'build what is missing, start everything, wait until it is ready')
    .option('--nodes <n>', 'real nodes, 1 to 9', '1')
    .option('--gpus <rows>', 'fake accelerators by node: "n1=A100-40G*2,n2=H200-141G*1"')
    .option('--label <node:key=value>', 'a label the node registers with (repeat)', collect, [])
    .option('--cdi-off <node>', 'a node whose runtime reads no CDI folder (repeat)', collect, [])
    .option('--api-only', 'etcd, API server and controllers, no nodes')
    .option('--no-controllers', 'without kube-controller-manager')
    .option('--workload', 'put the native test workload into kerf-workload:test (builds Kerf if need be)')
    .option('--json', 'print the status as JSON')
    .action(up);
  named('kerf', 'install Kerf from its chart, and print how to reach it')
    .option('--json', 'as JSON')
    .action(kerf);
  named('down', 'end it and remove all it left').action((flags: { name: string }) => downCluster(flags.name));
  named('status', 'what runs, where').option('--json', 'as JSON').action(status);
  named('kubeconfig', 'print the path of a kubeconfig for this machine').action((flags: { name: string }) =>
    print(running(flags.name).kubeconfigPath),
  );
  named('exec', 'run a command inside the namespaces of the cluster or of a node')
    .option('--node <node>', 'that node, e.g. n1')
    .argument('<command...>')
    .passThroughOptions()
    .action(exec);
  named('kubectl', 'run kubectl as admin')
    .argument('<args...>')
    .passThroughOptions()
    .allowUnknownOption()
    .action(kubectl);
  return root;
}

try {
  await program().parseAsync();
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exit(cause instanceof UsageError ? EXIT.usage : EXIT.failed);
}
