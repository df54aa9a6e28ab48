// SPDX-License-Identifier: Apache-2.0
// A node on which every check is well, in a folder; each test breaks what it is about.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Places } from '../../../../src/adapters/doctor/check.js';
import type { DeviceProbe, ProbedDevice } from '../../../../src/adapters/probes/contract.js';
import { nvidia } from '../../../../src/vendors/nvidia.js';

export const aDevice = (change: Partial<ProbedDevice> = {}): ProbedDevice => ({
  ...{ index: 0, uuid: 'GPU-1', minor: 0, name: 'm', pciBusId: '', memoryTotalBytes: 1, memoryUsedBytes: 0 },
  ...{ numaNode: 0, utilizationPercent: 0, error: null },
  ...change,
});

export const aProbe = (devices: readonly ProbedDevice[] | Error): (() => DeviceProbe) => {
  const told = async () => {
    if (devices instanceof Error) throw devices;
    return devices;
  };
  return () => ({
    ...{ devices: told, peers: async () => new Map(), driverVersion: async () => '580.1' },
    ...{ close: async () => undefined, childPid: undefined },
  });
};

export const write = (root: string, path: string, content: string | Buffer, mode = 0o644): void => {
  const at = join(root, path);
  mkdirSync(join(at, '..'), { recursive: true });
  writeFileSync(at, content);
  chmodSync(at, mode);
};

export function elf(machine = { x64: 62, arm64: 183 }[process.arch as 'x64' | 'arm64']): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\u007fELF', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

export const ROOT_STATUS = 'Name:\tnode\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n';
export const CONFIG = 'accept-nvidia-visible-devices-envvar-when-unprivileged';

export const listen = (path: string): Promise<Server> =>
  new Promise((resolve) => {
    mkdirSync(join(path, '..'), { recursive: true });
    const server = createServer();
    server.listen(path, () => resolve(server));
  });

export function soundNode(root: string): Places {
  for (const name of ['libkerf.so', 'libkerf-nvml.so']) write(root, `lib/${name}`, elf(), 0o755);
  write(root, 'etc-cdi/vendor.yaml', 'kind: nvidia.com/gpu\ndevices: [{ name: "0" }]\n');
  write(root, 'proc/self/status', ROOT_STATUS);
  write(root, 'proc/12/comm', 'chronyd\n');
  write(root, 'cgroup/cgroup.controllers', 'cpu memory\n');
  write(root, 'config.toml', `${CONFIG} = false # asked for\n[nvidia-container-cli]\n`);
  const ids = { 'nvidia.com/gpu': ['slot-0001', 'slot-0002'] };
  const told = JSON.stringify({ Data: { RegisteredDevices: ids } });
  write(root, 'k/device-plugins/kubelet_internal_checkpoint', told);
  for (const folder of ['cdi', 'state', 'run']) mkdirSync(join(root, folder));
  const config = JSON.stringify({ enableCDI: true, cdiSpecDirs: [join(root, 'cdi')] });
  return {
    vendor: nvidia,
    openProbe: aProbe([aDevice()]),
    askRuntime: async () => ({ name: 'containerd', version: 'v2.4.2', texts: { config } }),
    ...{ libraryDir: join(root, 'lib'), kubeletDir: join(root, 'k'), stateDir: join(root, 'state') },
    ...{
      cdiDir: join(root, 'cdi'),
      vendorCdiDirs: [join(root, 'etc-cdi')],
      criSocket: join(root, 'cri.sock'),
    },
    ...{ procDir: join(root, 'proc'), cgroupDir: join(root, 'cgroup'), runDir: join(root, 'run') },
    runtimeConfig: join(root, 'config.toml'),
    clock: { now: () => Date.UTC(2026, 10, 21) },
  };
}
