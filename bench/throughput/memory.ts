// SPDX-License-Identifier: Apache-2.0
// The memory of Kerf's scheduler, the program itself, with 5 000 nodes × 8 devices and 40 000 slices held. Its watches
// are fed by a small server of ours that answers lists as an API server does: to fill a real one with 40 000 pods
// takes minutes and tells nothing more about the reader.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Row } from '../report.js';
import { serveLists } from './lists.js';
import { row } from './rows.js';
import { bundle, type Say } from './stage.js';

export const NODES = 5000;
export const SLICES = 40_000;
const MIB = 2 ** 20;
const MOST_MS = 120_000;

/** Loaded before the program: collects garbage when told, and says what is left. */
const PROBE =
  'data:text/javascript,process.on("message",()=>{gc();gc();process.send(process.memoryUsage())});process.channel.unref()';

export async function memoryRows(say: Say): Promise<readonly Row[]> {
  say(`memory: Kerf's scheduler reads ${NODES} nodes and ${SLICES} pods`);
  const folder = mkdtempSync(join(tmpdir(), 'kerf-bench-'));
  const lists = await serveLists(NODES, SLICES);
  try {
    const config = join(folder, 'kubeconfig');
    writeFileSync(config, kubeconfigOf(lists.url));
    return await weigh(await bundle('src/apps/scheduler.ts', folder), config);
  } finally {
    lists.close();
    rmSync(folder, { recursive: true });
  }
}

/** client-node speaks plain HTTP only to a server that nobody would verify. */
function kubeconfigOf(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'bench', user: { token: 'bench' } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    'current-context': 'bench',
  });
}

async function weigh(program: string, config: string): Promise<readonly Row[]> {
  const args = [
    '--expose-gc',
    '--import',
    PROBE,
    program,
    '--kubeconfig',
    config,
    '--extender-listen',
    '127.0.0.1:0',
  ];
  const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const;
  const start = performance.now();
  const child = spawn(process.execPath, args, { stdio: [...stdio], timeout: MOST_MS });
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  try {
    await synced(child);
    const seconds = (performance.now() - start) / 1000;
    const before = statusOf(child);
    const { heapUsed, rss } = await usageOf(child);
    const what = `Kerf's scheduler, ${NODES} nodes × 8 devices, ${SLICES} slices held`;
    return [
      row(`${what}: start until all is read`, seconds, 's'),
      row(`${what}: heap used after a collection`, heapUsed / MIB, 'MiB'),
      row(`${what}: RSS after a collection`, rss / MIB, 'MiB'),
      row(`${what}: RSS when all was read`, before.rss, 'MiB'),
      row(`${what}: RSS at its highest`, before.highest, 'MiB'),
    ];
  } finally {
    child.kill('SIGKILL');
    process.removeListener('exit', endWithUs);
  }
}

/** The program's own log says when, and of how much. */
async function synced(child: ChildProcess): Promise<void> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const told = JSON.parse(line) as {
      readonly msg?: string;
      readonly nodes?: number;
      readonly held?: number;
    };
    if (told.msg !== 'synced') continue;
    if (told.nodes !== NODES || told.held !== SLICES) throw new Error(`bug: not all was read: ${line}`);
    child.stdout?.resume();
    return;
  }
  throw new Error("Kerf's scheduler ended before it had read all");
}

function usageOf(child: ChildProcess): Promise<NodeJS.MemoryUsage> {
  return new Promise((resolve, reject) => {
    child.once('message', (told) => resolve(told as NodeJS.MemoryUsage));
    child.once('exit', () => reject(new Error("Kerf's scheduler ended while it was weighed")));
    child.send('collect');
  });
}

/** In MiB, from the kernel. */
function statusOf({ pid }: ChildProcess): { readonly rss: number; readonly highest: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return { rss: kib('VmRSS') / 1024, highest: kib('VmHWM') / 1024 };
}
