// SPDX-License-Identifier: Apache-2.0
// What `npm run build:native` leaves, built once for the tests; a build that is up to date costs half a second.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BUILT = `${ROOT}native/build/release`;

export const PATHS = {
  addon: `${ROOT}native/build/nvml-addon/Release/nvml.node`,
  fakeFolder: `${BUILT}/fake`,
  fakeGpus: `${BUILT}/fake/kerf-fake-gpus`,
  fakeAmd: `${BUILT}/fake/kerf-fake-amd`,
  fakeRocmSmi: `${BUILT}/fake/librocm_smi64.so.1`,
  fakeNvml: `${BUILT}/fake/libnvidia-ml.so.1`,
  fakeCuda: `${BUILT}/fake/libcuda.so.1`,
  fakeTime: `${BUILT}/fake/kerf-fake-time`,
  virtualClock: `${BUILT}/fake/libkerf-virtual-clock.so`,
  printOffsets: `${BUILT}/bin/print-offsets`,
  workload: `${BUILT}/kerf-workload`,
} as const;

let isBuilt = false;

export function buildNative(): void {
  if (isBuilt) return;
  const { status, stderr } = spawnSync(process.execPath, [`${ROOT}native/build.mjs`], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`npm run build:native ended with ${status}\n${stderr.slice(-4000)}`);
  isBuilt = true;
}

export interface FakeGpu {
  readonly minor: number;
  readonly uuid: string;
  readonly memoryMiB: number;
  readonly model: string;
}

/** A machine of fake GPUs in `folder`; the same folder name gives the same UUIDs. */
export function makeMachine(folder: string, ...gpus: readonly string[]): readonly FakeGpu[] {
  return initMachine(
    folder,
    gpus.flatMap((gpu) => ['--gpu', gpu]),
  );
}

/** The same, its GPUs linked as a row of native/fake/links says. */
export function makeLinkedMachine(folder: string, gpu: string, links: string): readonly FakeGpu[] {
  return initMachine(folder, ['--gpu', gpu, '--links', links]);
}

/** A machine of fake AMD GPUs in `folder`/amd. */
export function makeAmdMachine(folder: string, ...gpus: readonly string[]): readonly FakeGpu[] {
  return initMachine(
    folder,
    gpus.flatMap((gpu) => ['--gpu', gpu]),
    PATHS.fakeAmd,
  );
}

function initMachine(
  folder: string,
  wishes: readonly string[],
  maker: string = PATHS.fakeGpus,
): readonly FakeGpu[] {
  const { status, stdout, stderr } = spawnSync(maker, ['init', folder, ...wishes], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [minor = '', uuid = '', memory = '', ...model] = line.split(' ');
      return { minor: Number(minor), uuid, memoryMiB: Number(memory), model: model.join(' ') };
    });
}

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

function ended(program: string, args: readonly string[]): Ended {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, stderr };
}

export const fakeGpus = (...args: readonly string[]): Ended => ended(PATHS.fakeGpus, args);
export const fakeAmd = (...args: readonly string[]): Ended => ended(PATHS.fakeAmd, args);
