// SPDX-License-Identifier: Apache-2.0
// The node itself: kubelet, rights, clock, cgroups.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type Check, fail, ok, type Places, warn } from './check.js';

const PATIENCE_MS = 2_000;

export const kubelet: Check = {
  name: 'kubelet',
  about:
    'The kubelet listens on device-plugins/kubelet.sock and pod-resources/kubelet.sock of --kubelet-dir.',
  async look({ kubeletDir }) {
    const sockets = ['device-plugins', 'pod-resources'].map((folder) =>
      join(kubeletDir, folder, 'kubelet.sock'),
    );
    const problems = await Promise.all(sockets.map(problemOf));
    const wrong = problems.filter((problem) => problem !== null);
    if (wrong.length === 0) return ok(`the kubelet listens on both sockets below ${kubeletDir}`);
    return fail(wrong.join('; '), 'start the kubelet, or name its folder with --kubelet-dir');
  },
};

function problemOf(path: string): Promise<string | null> {
  if (!existsSync(path)) return Promise.resolve(`there is no ${path}`);
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (problem: string | null): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(PATIENCE_MS, () => end(`${path} does not answer`));
    socket.once('connect', () => end(null));
    socket.once('error', ({ message }) => end(`${path}: ${message}`));
  });
}

/** Bits of CapEff: mounts of regions; other users' processes in /proc. */
const NEEDED = [
  ['CAP_SYS_ADMIN', 21],
  ['CAP_SYS_PTRACE', 19],
] as const;

export const permissions: Check = {
  name: 'permissions',
  about:
    'This user is root and may mount and look at processes, as the device plugin must (run doctor as it runs).',
  look({ procDir }) {
    const status = readFileSync(join(procDir, 'self', 'status'), 'utf8');
    const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1];
    const held = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
    if (uid !== '0')
      return fail(
        `this runs as user ${uid ?? 'unknown'}`,
        'run it as root: the sockets of kubelet and runtime are root’s',
      );
    const lacking = NEEDED.filter(([, bit]) => ((held >> BigInt(bit)) & 1n) === 0n).map(([name]) => name);
    if (lacking.length === 0) return ok('root, with the right to mount and to look at processes');
    const remedy = 'run the device plugin privileged, or with --region-storage disk where it may not mount';
    return warn(`root, without ${lacking.join(' and ')}`, remedy);
  },
};

/** Nobody runs this program before it was written. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);
const KEEPERS = ['chronyd', 'ntpd', 'systemd-timesyn', 'ptp4l', 'phc2sys', 'ntpsec'];

export const clock: Check = {
  name: 'clock',
  about:
    'The clock is not in the past, and somebody keeps it: tokens and certificates are refused by a clock that is wrong.',
  look({ clock: { now }, runDir, procDir }: Places) {
    const at = now();
    if (at < EARLIEST_MS)
      return fail(
        `the clock says ${new Date(at).toISOString().slice(0, 10)}, before this program was written`,
        'set the clock, and let chrony keep it',
      );
    if (existsSync(join(runDir, 'systemd', 'timesync', 'synchronized')))
      return ok('systemd-timesyncd has set the clock');
    const keeper = programs(procDir).find((name) => KEEPERS.includes(name));
    if (keeper !== undefined) return ok(`${keeper} keeps the clock`);
    return warn(
      'nobody here is seen to keep the clock',
      'install chrony, unless the host of this machine keeps it',
    );
  },
};

function programs(procDir: string): readonly string[] {
  return readdirSync(procDir)
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => textOf(join(procDir, pid, 'comm')).trim());
}

/** A process may end at any moment. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export const cgroups: Check = {
  name: 'cgroups',
  about: 'The node has cgroups v2: kubelets from 1.35 on refuse v1 unless told otherwise.',
  look({ cgroupDir }) {
    if (existsSync(join(cgroupDir, 'cgroup.controllers'))) return ok('cgroups v2');
    if (!existsSync(cgroupDir)) return fail(`there is no ${cgroupDir}`, 'name the folder with --cgroup-dir');
    return warn(`${cgroupDir} is of cgroups v1`, 'start the kernel with systemd.unified_cgroup_hierarchy=1');
  },
};
