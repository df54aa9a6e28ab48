// SPDX-License-Identifier: Apache-2.0
// The demo drives the same commands a reader could type; this runs them.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Its stdout; what it says on stderr (progress) goes to ours. Throws when it fails. */
export async function told(argv: readonly string[]): Promise<string> {
  const ran = await ranWith(argv, 'inherit');
  if (ran.code !== 0) throw new Error(`${argv.join(' ')} ended with ${ran.code}`);
  return ran.stdout;
}

const TICK_MS = 15_000;

/** Says every 15 s that it still works; shows what was printed only when it fails. */
export async function patiently(argv: readonly string[], say: (line: string) => void): Promise<void> {
  const start = Date.now();
  const timer = setInterval(() => say(`   … ${Math.round((Date.now() - start) / 1000)} s`), TICK_MS);
  const ran = await quiet(argv).finally(() => clearInterval(timer));
  if (ran.code === 0) return;
  say(`${ran.stdout}\n${ran.stderr}`.trim());
  throw new Error(`${argv.join(' ')} ended with ${ran.code}`);
}

/** Quietly; a failure is an answer. */
export const quiet = (argv: readonly string[]): Promise<Ran> => ranWith(argv, 'pipe');

export const cluster = (...args: readonly string[]): readonly string[] => [
  'npm',
  'run',
  '-s',
  'cluster',
  '--',
  ...args,
];

function ranWith(argv: readonly string[], stderr: 'inherit' | 'pipe'): Promise<Ran> {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', stderr] });
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    said.stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    said.stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, ...said }));
  });
}
