// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.js';
import { cacheDir, SOURCE_DIR } from './paths.js';
import { narrated, type Progress } from './progress.js';
import { run } from './shell.js';

export const VERSIONS = {
  kubernetes: 'v1.36.3',
  etcd: 'v3.6.8',
  containerd: 'v2.4.2',
  helm: 'v4.3.1',
} as const;

const STRIP = '-s -w';
const [, MAJOR, MINOR] = /^v(\d+)\.(\d+)/.exec(VERSIONS.kubernetes) ?? [];
/** Without a version set, components call themselves v0.0.0 and refuse things. */
const KUBERNETES_FLAGS = [
  STRIP,
  ...Object.entries({
    gitVersion: VERSIONS.kubernetes,
    gitMajor: MAJOR,
    gitMinor: MINOR,
    gitCommit: 'unknown',
    gitTreeState: 'clean',
    buildDate: '2026-01-01T00:00:00Z',
  }).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`),
].join(' ');

/** One build step: several programs at once where they share most of their packages. */
interface Step {
  readonly programs: readonly string[];
  readonly command: (into: string) => readonly string[];
  readonly env?: (into: string) => Record<string, string>;
  /** Files whose content decides whether a rebuild is due, beside the command itself. */
  readonly sources: readonly string[];
}

const MODULE = ['go.mod', 'go.sum'];

function fromModule(
  programs: readonly string[],
  packages: readonly string[],
  sources: readonly string[],
): Step {
  return {
    programs,
    command: (into) => [
      'go',
      'build',
      '-trimpath',
      '-ldflags',
      KUBERNETES_FLAGS,
      '-o',
      `${into}/`,
      ...packages,
    ],
    sources: [...MODULE, ...sources],
  };
}

function installed(programs: readonly string[], pkg: string, version: string): Step {
  return {
    programs,
    command: () => {
      const names = programs.map((program) => `${pkg}/${program}@${version}`);
      return ['go', 'install', '-trimpath', '-ldflags', STRIP, ...names];
    },
    env: (into) => ({ GOBIN: into }),
    sources: [],
  };
}

const kubernetes = (...programs: string[]): Step =>
  fromModule(
    programs,
    programs.map((program) => `k8s.io/kubernetes/cmd/${program}`),
    [],
  );

const CONTROL_PLANE: readonly Step[] = [
  kubernetes('kube-apiserver', 'kube-controller-manager', 'kube-scheduler'),
  fromModule(['etcd', 'relay'], ['./etcd', './relay'], ['etcd/main.go', 'relay/main.go']),
  kubernetes('kubectl'),
];

const NODES: readonly Step[] = [
  kubernetes('kubelet', 'kube-proxy'),
  installed(
    ['containerd', 'containerd-shim-runc-v2', 'ctr'],
    'github.com/containerd/containerd/v2/cmd',
    VERSIONS.containerd,
  ),
  {
    programs: ['init'],
    command: (into) => [
      'gcc',
      '-static',
      '-Os',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-o',
      `${into}/init`,
      'init.c',
    ],
    sources: ['init.c'],
  },
];

const HELM: readonly Step[] = [installed(['helm'], 'helm.sh/helm/v4/cmd', VERSIONS.helm)];

export function binDir(): string {
  return join(cacheDir(), VERSIONS.kubernetes);
}

function fingerprint(step: Step): string {
  const hash = createHash('sha256').update(JSON.stringify(step.command('DIR')));
  for (const source of step.sources) hash.update(readFileSync(join(SOURCE_DIR, source)));
  return hash.digest('hex').slice(0, 16);
}

const stampOf = (program: string): string => join(binDir(), `.${program}.stamp`);

function isFresh(step: Step): boolean {
  const want = fingerprint(step);
  return step.programs.every(
    (program) =>
      existsSync(join(binDir(), program)) &&
      existsSync(stampOf(program)) &&
      readFileSync(stampOf(program), 'utf8') === want,
  );
}

async function build(step: Step): Promise<void> {
  const into = join(binDir(), `.building-${process.pid}`);
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  try {
    const output = await run(step.command(into), {
      cwd: SOURCE_DIR,
      env: { CGO_ENABLED: '0', ...step.env?.(into) },
      timeoutMs: 3_600_000,
    });
    if (output.code !== 0)
      throw new Error(`${step.programs.join(', ')} could not be built: ${output.stderr.trim().slice(-2000)}`);
    for (const program of step.programs) {
      renameSync(join(into, program), join(binDir(), program));
      writeFileSync(stampOf(program), fingerprint(step));
    }
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
}

async function ensureSteps(steps: readonly Step[], progress: Progress): Promise<string> {
  const dir = binDir();
  if (steps.every(isFresh)) return dir;
  await assertGo();
  mkdirSync(dir, { recursive: true });
  progress('programs are missing from the cache (4 to 6 minutes from nothing, once)');
  await withLock(join(cacheDir(), 'build.lock'), async () => {
    for (const [index, step] of steps.entries()) {
      if (isFresh(step)) continue; // somebody else built it while we waited for the lock
      const label = `building ${step.programs.join(', ')} (${index + 1} of ${steps.length})`;
      await narrated(progress, label, () => build(step));
    }
  });
  return dir;
}

async function assertGo(): Promise<void> {
  const output = await run(['go', 'version']);
  if (output.code !== 0)
    throw new Error(
      'the cluster is built from Go modules and there is no `go` in PATH: install Go 1.26 or later',
    );
}

/** Builds what is missing; answers the folder the programs are in. */
export function ensureBinaries(apiOnly: boolean, progress: Progress): Promise<string> {
  return ensureSteps(apiOnly ? CONTROL_PLANE : [...CONTROL_PLANE, ...NODES], progress);
}

/** helm is not part of the cluster; tests and the demo ask for it. Answers its path. */
export async function ensureHelm(progress: Progress): Promise<string> {
  return join(await ensureSteps(HELM, progress), 'helm');
}
