// SPDX-License-Identifier: Apache-2.0
import { Command, CommanderError } from 'commander';
import { KubeFault } from '../../adapters/kubernetes/fault.js';
import { addDevices } from './commands/devices.js';
import { addDoctor } from './commands/doctor.js';
import { addExplain } from './commands/explain.js';
import { addPolicy } from './commands/policy.js';
import { addReplay } from './commands/replay.js';
import { addResize } from './commands/resize.js';
import { addRun } from './commands/run.js';
import { addSimulate } from './commands/simulate.js';
import { addTop } from './commands/top.js';
import { addUsage } from './commands/usage.js';
import { VERSION } from '../../core/version.js';
import { Ended, EXIT, type Io, Misused, Refused } from './io.js';
import { toned, paint } from './table.js';

const EXAMPLES = `
Examples:
  kerf run --gpu-mem 4Gi -- python train.py    in a slice of this machine's device; needs no cluster
  kerf devices                     what each device has, and what is granted of it
  kerf top                         what is used of it, live
  kerf usage --since 24h           granted and used device time by namespace, and what it costs
  kerf explain my-pod -n team-a    why a pod waits, node by node and device by device
  kerf replay snapshot.json pod.yaml    a decision once more, on a laptop; needs no cluster
  kerf doctor                      whether this node can serve slices, and what to do
  kerf policy check policy.yaml    whether the scheduler would take this policy document; needs no cluster
  kerf simulate --nodes n.csv --pods p.csv    what a packing policy makes of a trace; needs no cluster

Exit codes: 0 ok, 1 refused or not found, 2 wrong usage, 3 the cluster or Kerf cannot be asked;
of \`kerf run\` the command's own once it has started.
`;

export async function runCli(args: readonly string[], io: Io): Promise<number> {
  try {
    await programOf(io).parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (fault) {
    return exitOf(fault, io);
  }
}

function programOf(io: Io): Command {
  const program = new Command('kerf')
    .description(
      'Runs commands in slices of a device; looks at the devices of a cluster and at the slices Kerf gave of them.',
    )
    .version(VERSION)
    .option('--kubeconfig <file>', 'default: KUBECONFIG, else ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'default: the context’s')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(see --help)');
  program.configureOutput({
    writeOut: (text) => io.out(text.trimEnd()),
    writeErr: (text) => io.err(text.trimEnd()),
  });
  program.exitOverride();
  for (const add of [
    addRun,
    addResize,
    addDevices,
    addTop,
    addExplain,
    addReplay,
    addSimulate,
    addPolicy,
    addUsage,
    addDoctor,
  ])
    add(program, io);
  inherit(program);
  return program;
}

function inherit(parent: Command): void {
  for (const command of parent.commands) inherit(command.copyInheritedSettings(parent).exitOverride());
}

function exitOf(fault: unknown, io: Io): number {
  if (fault instanceof Ended) return fault.status;
  if (fault instanceof CommanderError) return fault.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const sentence = fault instanceof Error ? fault.message : String(fault);
  io.err(`${paint(toned('kerf:', 'bad'), io.hasColour)} ${sentence}`);
  if (fault instanceof Misused) return EXIT.usage;
  const isNo = fault instanceof Refused || (fault instanceof KubeFault && NO.includes(fault.status));
  return isNo ? EXIT.refused : EXIT.fault;
}

/** The API server was asked and said no: not allowed, not there. */
const NO: readonly number[] = [401, 403, 404];
