// SPDX-License-Identifier: Apache-2.0
// A row for each vendor that has a probe: a machine of fakes, how its probe is opened, and how the machine is broken.
import type { ChildOptions } from '../../src/adapters/probes/child-asker.js';
import type { DeviceProbe } from '../../src/adapters/probes/contract.js';
import { amdProbe } from '../../src/adapters/probes/amd/probe.js';
import { nvmlProbe } from '../../src/adapters/nvml/probe.js';
import { fakeAmd, fakeGpus, type FakeGpu, makeAmdMachine, makeMachine, PATHS } from '../native/build.js';

export interface ProbeWorld {
  readonly vendor: string;
  /** What the codes of our own faults begin with. */
  readonly prefix: string;
  readonly lost: string;
  /** Three devices in `folder`. */
  make(folder: string): readonly FakeGpu[];
  open(options: ChildOptions & { readonly library?: string }): DeviceProbe;
  readonly noMachine: string;
  lose(folder: string, uuid: string): void;
  heal(folder: string, uuid: string): void;
  hang(folder: string, isOn: boolean): void;
}

export const PROBE_WORLDS: readonly ProbeWorld[] = [
  {
    vendor: 'nvidia',
    prefix: 'NVML',
    lost: 'NVML_ERROR_GPU_IS_LOST',
    noMachine: 'NVML_ERROR_DRIVER_NOT_LOADED',
    make: (folder) => makeMachine(folder, 'A100-40G*2', 'H200-141G'),
    open: (options) => nvmlProbe({ addonPath: PATHS.addon, library: PATHS.fakeNvml, ...options }),
    lose: (folder, uuid) => void fakeGpus('fault', folder, uuid, '79'),
    heal: (folder, uuid) => void fakeGpus('heal', folder, uuid),
    hang: (folder, isOn) => void fakeGpus('hang', folder, isOn ? 'on' : 'off'),
  },
  {
    vendor: 'amd',
    prefix: 'RSMI',
    lost: 'RSMI_STATUS_FILE_ERROR',
    noMachine: 'RSMI_STATUS_INIT_ERROR',
    make: (folder) => makeAmdMachine(folder, 'MI300X-192G*2', 'MI210-64G'),
    open: (options) => amdProbe({ library: PATHS.fakeRocmSmi, ...options }),
    lose: (folder, uuid) => void fakeAmd('fault', folder, uuid, 'lost'),
    heal: (folder, uuid) => void fakeAmd('heal', folder, uuid),
    hang: (folder, isOn) => void fakeAmd('hang', folder, isOn ? 'on' : 'off'),
  },
];

export const MIB = 1_048_576;

/** Asks until the pause after a lost child is over. */
export async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (fault) {
      if (!(fault as { code: string }).code.endsWith('_BACKOFF')) throw fault;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Until nobody has this pid: SIGKILL was sent, the kernel takes its time. */
export async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
