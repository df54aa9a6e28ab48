// SPDX-License-Identifier: Apache-2.0
// One verb for slices of this machine and of running pods. A pod is meant where a container or a namespace is named, or
// pod/NAME; else a slice that runs here by that name comes first, and a pod where there is none.
import { type Command, InvalidArgumentError } from 'commander';
import { KubeFault } from '../../../adapters/kubernetes/fault.js';
import { type Io, Misused, Refused } from '../io.js';
import type { KubeOptions } from '../kube.js';
import { type PodFlags, resizePod } from '../resize-pod.js';
import { noSlice, resizeLocal, type SliceFlags, sliceNames } from '../resize-slice.js';
import { readCores, readMemory } from '../run-options.js';

type ResizeFlags = SliceFlags & PodFlags & KubeOptions;

const EXAMPLES = `
Examples:
  kerf resize train-3f2a --gpu-mem 6Gi          a slice of kerf run: more at the next allocation
  kerf resize train-3f2a --gpu-mem 1Gi          less: what is held stays, growth is refused
  kerf resize train-3f2a --gpu-cores 50 --no-soft
  kerf resize my-pod -c main --gpu-mem 8Gi -n team-a    a container of a running pod; waits for the scheduler's answer
  kerf resize pod/my-pod --gpu-mem 25% --no-wait        pod/: also where a slice of that name runs here

What is not named stays as it is. Nothing is ever taken from a running process.
`;

export function addResize(program: Command, io: Io): void {
  program
    .command('resize <name>')
    .description('Changes a running slice: of this machine (kerf run), or of a container in the cluster.')
    .option('--gpu-mem <amount>', 'memory: MiB, a quantity such as 4Gi, or a share such as 25%')
    .option('--gpu-mem-burst <amount>', 'ceiling above it; of slices of this machine')
    .option('--gpu-cores <percent>', 'compute, whole percent; 0 is no limit')
    .option('--soft', 'may also use compute that nobody else uses; of slices of this machine')
    .option('--no-soft', 'may not')
    .option('-c, --container <name>', 'container of the pod; may be left out where only one has a slice')
    .option('--no-wait', 'asks, and does not wait for the answer')
    .option('--timeout <seconds>', 'how long to wait for the answer', seconds, 30)
    .option('--json', 'what it is now, as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, _flags, command: Command) =>
      resize(name, command.optsWithGlobals<ResizeFlags>(), io),
    );
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('want seconds, more than 0');
}

async function resize(name: string, flags: ResizeFlags, io: Io): Promise<void> {
  const { gpuMem, gpuMemBurst, gpuCores, soft } = flags;
  if ([gpuMem, gpuMemBurst, gpuCores, soft].every((flag) => flag === undefined))
    throw new Misused('nothing to change: want --gpu-mem, --gpu-mem-burst, --gpu-cores, --soft or --no-soft');
  readMemory('--gpu-mem', gpuMem);
  readCores(gpuCores);
  const pod = /^pods?\/(.+)$/.exec(name)?.[1];
  if (pod !== undefined || flags.container !== undefined || flags.namespace !== undefined)
    return resizePod(pod ?? name, podFlags(flags), io);
  const names = sliceNames(io);
  if (names.includes(name)) return resizeLocal(name, flags, io);
  await resizeUnknown(name, flags, { io, names });
}

function podFlags(flags: ResizeFlags): PodFlags & KubeOptions {
  if (flags.gpuMemBurst !== undefined || flags.soft !== undefined)
    throw new Misused(
      'a pod’s container is resized by --gpu-mem and --gpu-cores: --gpu-mem-burst, --soft and --no-soft are of slices of this machine',
    );
  return flags;
}

/** Neither said to be a pod nor a slice that runs here: who mistyped a slice's name shall not read of clusters alone. */
async function resizeUnknown(
  name: string,
  flags: ResizeFlags,
  { io, names }: { readonly io: Io; readonly names: readonly string[] },
): Promise<void> {
  const missing = noSlice(name, names);
  if (flags.gpuMemBurst !== undefined || flags.soft !== undefined) throw new Refused(missing);
  try {
    await resizePod(name, flags, io);
  } catch (fault) {
    if (fault instanceof Refused || fault instanceof Misused) throw fault;
    const isNone = fault instanceof KubeFault && fault.status === 404;
    const told = fault instanceof Error ? fault.message : String(fault);
    throw new Refused(`${missing}; and of pods: ${isNone ? `there is no pod ${name}` : told}`);
  }
}
