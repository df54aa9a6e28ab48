// SPDX-License-Identifier: Apache-2.0
// Renders charts/kerf with the real helm and reads every object back.
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { ensureHelm } from '../cluster/index.js';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

// A rendered object has the shape of its kind; the reader knows which.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Rendered = any;

const run = promisify(execFile);

/** HELM names a helm of one's own; else the cluster tool's, built on first use. */
export async function helm(...args: readonly string[]): Promise<string> {
  const program = process.env.HELM ?? (await ensureHelm((step) => console.log(step)));
  const { stdout } = await run(program, args, { maxBuffer: 16 << 20 });
  return stdout;
}

/** Objects of the chart with these `--set` values; rejects with helm's words where they are refused. */
export async function render(values: Readonly<Record<string, string>> = {}): Promise<readonly Rendered[]> {
  const sets = Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const text = await helm('template', 'kerf', join(ROOT, 'charts', 'kerf'), '-n', 'kerf-system', ...sets);
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`not YAML: ${document.errors[0]?.message}`);
    const object = document.toJS() as Rendered;
    return object === null ? [] : [object];
  });
}

export function find(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`the chart has no ${kind} ${name}`);
  return found;
}
