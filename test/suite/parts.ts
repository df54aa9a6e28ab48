// SPDX-License-Identifier: Apache-2.0
// What `npm test` runs, in this order. A part that cannot run here says why.
import { existsSync, readdirSync } from 'node:fs';

export type Counting = 'step' | 'vitest' | 'ctest';

export interface Part {
  readonly name: string;
  readonly command: readonly string[];
  /** step: only a failure counts. vitest, ctest: each test of the report counts. */
  readonly counting: Counting;
  readonly timeoutMinutes: number;
  /** Drives a real cluster on shared cores: a file or two that failed are run once more, and both runs are told (decision 14). */
  readonly isTriedAgain?: true;
  /** Parts without which this one says nothing. */
  readonly needs?: readonly string[];
  /** Why the part cannot run on this machine; null when it can. */
  readonly missing?: () => string | null;
}

/** Where each part leaves its report; below build/, which git ignores. */
export const REPORTS = 'build/reports';

const NATIVE = 'native/build/release';

const vitest = (project: string): readonly string[] => [
  'npx',
  'vitest',
  'run',
  `--project=${project}`,
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${reportOf(project)}`,
];

export function reportOf(name: string): string {
  return `${REPORTS}/${name}.json`;
}

/** The same part for these files alone, with a report of its own. */
export const againOf = (part: Part, files: readonly string[]): Part => {
  const name = `${part.name}-again`;
  return {
    ...part,
    name,
    command: [...vitest(part.name).slice(0, -1), `--outputFile.json=${reportOf(name)}`, ...files],
  };
};

export const PARTS: readonly Part[] = [
  { name: 'format', command: ['npm', 'run', '-s', 'check:format'], counting: 'step', timeoutMinutes: 2 },
  { name: 'lint', command: ['npm', 'run', '-s', 'check:lint'], counting: 'step', timeoutMinutes: 3 },
  { name: 'types', command: ['npm', 'run', '-s', 'check:types'], counting: 'step', timeoutMinutes: 3 },
  {
    // Debian packages that lack, and Kubernetes from source: minutes once a machine, seconds later.
    name: 'binaries',
    command: ['npm', 'run', '-s', 'cluster:build'],
    counting: 'step',
    timeoutMinutes: 30,
    missing: whyNoCluster,
  },
  { name: 'build', command: ['npm', 'run', '-s', 'build'], counting: 'step', timeoutMinutes: 6 },
  {
    name: 'native',
    command: [
      'ctest',
      '--test-dir',
      NATIVE,
      '--output-on-failure',
      '--output-junit',
      `${process.cwd()}/${REPORTS}/native.xml`,
    ],
    counting: 'ctest',
    timeoutMinutes: 5,
    needs: ['build'],
    missing: () => (existsSync(`${NATIVE}/CTestTestfile.cmake`) ? null : 'no native tests were built'),
  },
  {
    name: 'quick',
    command: vitest('quick'),
    counting: 'vitest',
    isTriedAgain: true,
    timeoutMinutes: 15,
    needs: ['build'],
  },
  {
    name: 'cluster',
    command: vitest('cluster'),
    counting: 'vitest',
    isTriedAgain: true,
    timeoutMinutes: 8,
    needs: ['binaries'],
    missing: whyNoCluster,
  },
  {
    name: 'e2e',
    command: vitest('e2e'),
    counting: 'vitest',
    isTriedAgain: true,
    timeoutMinutes: 25,
    needs: ['build', 'binaries'],
    missing: whyNoCluster,
  },
];

/** The real cluster needs namespaces, mounts and cgroups: root on Linux. */
function whyNoCluster(): string | null {
  if (process.platform !== 'linux') return `a real node needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'a real node needs root: namespaces, mounts, cgroups';
  return hasTests('test/e2e') || hasTests('test/cluster') ? null : 'there is no journey yet';
}

function hasTests(folder: string): boolean {
  return readdirSync(folder, { recursive: true }).some((path) => String(path).endsWith('.test.ts'));
}
