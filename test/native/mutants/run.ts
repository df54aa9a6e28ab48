// SPDX-License-Identifier: Apache-2.0
// Builds a mutant in a copy of native/ and runs the one test that must fail for it.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../build.js';
import type { Mutant } from './mutants.js';

const NATIVE = `${ROOT}native`;
const HOME = `${NATIVE}/build/mutants`;
const SOURCE = join(HOME, 'source');
const OUT = join(HOME, 'out');
/** A mutant that hangs is caught as well: nothing of ours runs so long. */
const TEST_MS = 120_000;

export interface Outcome {
  readonly name: string;
  readonly isCaught: boolean;
  /** What the test said, for a mutant that lives. */
  readonly said: string;
  readonly seconds: number;
}

interface Ran {
  readonly isGood: boolean;
  readonly said: string;
}

function call(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
  const options = { encoding: 'utf8', cwd: ROOT, timeout: TEST_MS, maxBuffer: 1 << 26 } as const;
  const { status, stdout, stderr } = spawnSync(command, args, {
    ...options,
    env: { ...process.env, ...env },
  });
  return { isGood: status === 0, said: `${stdout}${stderr}`.slice(-3000) };
}

function must(command: string, ...args: readonly string[]): void {
  const { isGood, said } = call(command, args);
  if (!isGood) throw new Error(`${command} ${args.join(' ')}: ${said}`);
}

/** What differs alone, so that make builds that alone. */
function copyChanged(folder: string): void {
  mkdirSync(join(SOURCE, folder), { recursive: true });
  for (const entry of readdirSync(join(NATIVE, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (path === 'build' || path === 'nvml-addon') continue;
    if (entry.isDirectory()) copyChanged(path);
    else if (!isSame(join(NATIVE, path), join(SOURCE, path)))
      copyFileSync(join(NATIVE, path), join(SOURCE, path));
  }
}

const isSame = (a: string, b: string): boolean => existsSync(b) && readFileSync(a).equals(readFileSync(b));

function copySources(): void {
  copyChanged('');
  if (!existsSync(join(OUT, 'Makefile')))
    must('cmake', '-S', SOURCE, '-B', OUT, '-DCMAKE_BUILD_TYPE=Release');
}

const targetsOf = ({ caughtBy }: Mutant): readonly string[] =>
  typeof caughtBy === 'string' ? [caughtBy] : ['kerf', 'kerf_nvml'];

/** Beginnings of titles hold dots and brackets; vitest takes patterns. */
const patternOf = (title: string): string => `^${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`;

function runTest({ caughtBy }: Mutant): Ran {
  if (typeof caughtBy === 'string') return call(join(OUT, 'bin', caughtBy), []);
  const file = join('test/native', caughtBy.file);
  const args = ['vitest', 'run', '--project', 'quick', file, '-t', patternOf(caughtBy.title)];
  const ran = call('npx', args, { KERF_MUTANT_LIBRARIES: OUT, KERF_LONG: '0', NO_COLOR: '1' });
  return / [1-9]\d* (passed|failed)/.test(ran.said)
    ? ran
    : { isGood: false, said: `no test ran: ${ran.said}` };
}

const build = (mutant: Mutant): void =>
  must('cmake', '--build', OUT, '--parallel', '2', '--target', ...targetsOf(mutant));

/** The same without the mutation: a test that fails anyway proves nothing. */
export function runUnchanged(mutant: Mutant): Ran {
  copySources();
  build(mutant);
  return runTest(mutant);
}

export function runMutant(mutant: Mutant): Outcome {
  const start = Date.now();
  const path = join(SOURCE, mutant.file);
  copySources();
  const text = readFileSync(path, 'utf8');
  if (text.split(mutant.before).length !== 2)
    throw new Error(`${mutant.name}: its text is not once in ${mutant.file}`);
  writeFileSync(
    path,
    text.replace(mutant.before, () => mutant.after),
  );
  try {
    build(mutant);
    const { isGood, said } = runTest(mutant);
    const isCaught = !isGood && !said.startsWith('no test ran');
    return { name: mutant.name, isCaught, said, seconds: (Date.now() - start) / 1000 };
  } finally {
    writeFileSync(path, text);
  }
}
