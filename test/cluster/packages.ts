// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import type { Progress } from './progress.js';
import { run } from './shell.js';

/** What the machine lends: a file that proves it is there, and the Debian package that brings it. */
export interface Need {
  readonly anyOf: readonly string[];
  readonly packages: readonly string[];
}

export const inPath = (...names: string[]): string[] =>
  names.flatMap((name) =>
    ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'].map((dir) => `${dir}/${name}`),
  );

const FOR_ANY: readonly Need[] = [{ anyOf: inPath('flock'), packages: ['util-linux'] }];

const FOR_NODES: readonly Need[] = [
  { anyOf: inPath('unshare'), packages: ['util-linux'] },
  { anyOf: inPath('ip'), packages: ['iproute2'] },
  { anyOf: inPath('iptables'), packages: ['iptables'] },
  { anyOf: inPath('conntrack'), packages: ['conntrack'] },
  { anyOf: inPath('runc'), packages: ['runc'] },
  { anyOf: ['/usr/lib/cni/bridge'], packages: ['containernetworking-plugins'] },
  { anyOf: ['/var/lib/dpkg/info/busybox-static.list'], packages: ['busybox-static'] },
  { anyOf: inPath('gcc'), packages: ['gcc', 'libc6-dev'] },
  // Not for the cluster itself: for what is built to run on it (the Node addon, a program of another C library).
  { anyOf: inPath('g++'), packages: ['g++'] },
  { anyOf: inPath('make'), packages: ['make'] },
  { anyOf: inPath('musl-gcc'), packages: ['musl-tools'] },
];

function missingPackages(needs: readonly Need[]): string[] {
  const missing = needs.filter((need) => !need.anyOf.some((file) => existsSync(file)));
  return [...new Set(missing.flatMap((need) => need.packages))];
}

/** Installs what this Debian-like machine lacks; the error names the packages when that cannot be done. */
export async function ensurePackages(apiOnly: boolean, progress: Progress): Promise<void> {
  await ensureNeeds(apiOnly ? FOR_ANY : [...FOR_ANY, ...FOR_NODES], progress);
}

/** The same for what a test needs that is not the cluster's. */
export async function ensureNeeds(needs: readonly Need[], progress: Progress): Promise<void> {
  const missing = missingPackages(needs);
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (process.getuid?.() !== 0) throw new Error(`packages are missing and only root can add them: ${list}`);
  progress(`installing Debian packages: ${list}`);
  if ((await aptInstall(missing)).code === 0) return;
  await run(['apt-get', 'update', '-q']); // a fresh image has no package lists
  const output = await aptInstall(missing);
  if (output.code !== 0)
    throw new Error(
      `packages are missing and apt-get could not install them (${list}): ${output.stderr.trim()}`,
    );
}

function aptInstall(packages: readonly string[]): ReturnType<typeof run> {
  const argv = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages];
  return run(argv, { env: { DEBIAN_FRONTEND: 'noninteractive' } });
}
