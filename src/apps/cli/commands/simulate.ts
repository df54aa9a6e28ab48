// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isPackingPolicy, PACKING_POLICIES, type PackingPolicyName } from '../../../core/packing/policies.js';
import { allocationPlot } from '../allocation-plot.js';
import { type Io, Misused } from '../io.js';
import { type ChurnPlan, simulate, type Simulated } from '../simulation.js';
import { simulationFrame } from '../simulation-frame.js';
import { readTrace, type Trace } from '../trace-files.js';

interface SimulateOptions {
  readonly nodes: string;
  readonly pods: string;
  readonly order: readonly string[];
  readonly policy: readonly string[];
  readonly churn?: true | string;
  readonly seed?: string;
  readonly json?: boolean;
  readonly plot?: string;
}

const NAMES = Object.keys(PACKING_POLICIES).join(', ');
const DEFAULT_POLICY: PackingPolicyName = 'fragmentation';
const DEFAULT_CHURN: ChurnPlan = { load: 1.2, from: 4, to: 9 };
const DEFAULT_SEED = 42;
const PROGRESS_MS = 2000;

const EXAMPLES = `
Policies: ${NAMES}. Without --policy: ${DEFAULT_POLICY}, Kerf's own. fgd is the published one, exactly; it is told the
mix of the whole pod list beforehand, Kerf's own knows only what has come so far.

Arrivals (the default): each pod is tried once, in the order of --order or of the file; nothing leaves.
--churn: pods come at random times and live for random times, load is what they ask of the fleet's GPU at any time;
allocation is the mean from one lifetime to another.

YAML is what kubectl get -o yaml gives. A pod of one slice counts as the larger of its memory and cores; several devices
of one pod count as whole ones.

Examples:
  kerf simulate --nodes nodes.csv --pods pods.csv
  kerf simulate --nodes nodes.csv --pods pods.csv --order order.json --policy fragmentation,fgd --plot out.svg
  kerf simulate --nodes nodes.csv --pods pods.csv --order 42.json --order 43.json --json | jq .allocation
  kerf simulate --nodes nodes.csv --pods pods.csv --churn 1.2,4,9 --seed 1 --policy fragmentation,fgd
  kubectl get nodes -o yaml > nodes.yaml; kubectl get pods -A -o yaml > pods.yaml
  kerf simulate --nodes nodes.yaml --pods pods.yaml
`;

export function addSimulate(program: Command, io: Io): void {
  program
    .command('simulate')
    .description(
      'Replays a list of pods on a list of nodes: what a packing policy makes of them. Needs no cluster.',
    )
    .requiredOption(
      '--nodes <file>',
      'node list as CSV (sn,cpu_milli,memory_mib,gpu,model), or Node objects as YAML',
    )
    .requiredOption(
      '--pods <file>',
      'pod list as CSV (name,cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec,…]), or Pod objects as YAML',
    )
    .option('--order <file>', 'order of arrival as JSON; may be repeated, one run each', collect, [])
    .option('--policy <names>', 'policies by commas; may be repeated', collectNames, [])
    .option('--churn [load,from,to]', 'pods also leave; default 1.2,4,9 (load, lifetimes)')
    .option('--seed <number>', 'seed of the churn; default that of the order, else 42')
    .option('--json', 'one JSON object per run and line')
    .option('--plot <file>', 'draw allocation against arrived load as SVG')
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => simulateAll(command.optsWithGlobals<SimulateOptions>(), io));
}

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];
const collectNames = (value: string, all: readonly string[]): readonly string[] => [
  ...all,
  ...value.split(','),
];

function simulateAll(options: SimulateOptions, io: Io): void {
  const policies = readPolicies(options.policy);
  const churn = readChurn(options.churn);
  const traces = readTraces(options);
  const done: Simulated[] = [];
  for (const trace of traces)
    for (const policy of policies) {
      const onStep = progress(io, `${policy}, ${trace.workload}, seed ${trace.seed}`);
      const simulated = simulate({ trace, policy, churn, onStep });
      if (options.json === true) io.out(JSON.stringify(simulated.run));
      done.push(simulated);
    }
  if (options.json !== true)
    io.out(
      simulationFrame(
        done.map(({ run }) => run),
        io.hasColour,
      ),
    );
  if (options.plot !== undefined) writePlot(options.plot, done);
}

function readPolicies(names: readonly string[]): readonly PackingPolicyName[] {
  const wrong = names.find((name) => !isPackingPolicy(name));
  if (wrong !== undefined) throw new Misused(`--policy is ${wrong}: want one of ${NAMES}`);
  return names.length === 0 ? [DEFAULT_POLICY] : names.filter(isPackingPolicy);
}

function readChurn(text: true | string | undefined): ChurnPlan | null {
  if (text === undefined) return null;
  if (text === true) return DEFAULT_CHURN;
  const plan = churnOf(text.split(',').map(Number));
  if (plan === null)
    throw new Misused(
      `--churn is ${text}: want load,from,to with a load above 0 to 10, and 0 <= from < to <= 1000`,
    );
  return plan;
}

function churnOf(numbers: readonly number[]): ChurnPlan | null {
  const [load, from, to] = numbers;
  if (numbers.length !== 3 || load === undefined || from === undefined || to === undefined) return null;
  const isLoad = load > 0 && load <= 10;
  return isLoad && from >= 0 && to > from && to <= 1000 ? { load, from, to } : null;
}

function readTraces({ nodes, pods, order, seed: text, churn }: SimulateOptions): readonly Trace[] {
  if (text !== undefined && churn === undefined)
    throw new Misused('--seed is given without --churn: want both or none');
  const seed = text === undefined ? undefined : Number(text);
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0))
    throw new Misused(`--seed is ${text}: want a whole number, 0 or more`);
  const files = order.length === 0 ? [undefined] : order;
  return files.map((file) => {
    const trace = readTrace({ nodes, pods, order: file });
    if (churn === undefined) return trace;
    return { ...trace, seed: seed ?? (file === undefined ? DEFAULT_SEED : trace.seed) };
  });
}

/** A line now and then, so that nobody waits in the dark. */
function progress(io: Io, what: string): (share: number) => void {
  let told = performance.now();
  return (share) => {
    const now = performance.now();
    if (now - told < PROGRESS_MS) return;
    told = now;
    io.err(`${what}: ${Math.round(100 * share)} %`);
  };
}

function writePlot(path: string, done: readonly Simulated[]): void {
  const lines = done.map(({ run, outcome }) => ({ name: run.policy, points: outcome.curve }));
  const axis = done[0]?.run.churn === undefined ? 'arrived load, % of all GPU' : 'lifetimes';
  try {
    writeFileSync(path, allocationPlot(lines, axis));
  } catch (fault) {
    throw new Misused(
      `cannot write --plot ${path}: ${fault instanceof Error ? fault.message : String(fault)}`,
    );
  }
}
