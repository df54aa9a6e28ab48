// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Killed after this time; then code is 124. */
  readonly timeoutMs?: number;
}

/** Runs a command to its end; a command that fails is an answer, not a fault. A missing one is code 127. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [command = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 600_000);
    const finish = (code: number): void => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    };
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined); // it may end before it has read all
    child.stdin.end(options.input ?? '');
    child.on('error', (cause) => {
      err.push(Buffer.from(cause.message));
      finish(127);
    });
    child.on('close', (code) => finish(late ? 124 : (code ?? 128)));
  });
}

/** Runs a command that has to succeed; answers its standard output. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await run(argv, options);
  if (output.code !== 0)
    throw new Error(
      `${argv.join(' ')} ended with ${output.code}: ${(output.stderr || output.stdout).trim()}`,
    );
  return output.stdout;
}
