// SPDX-License-Identifier: Apache-2.0
// Debian's Prometheus: its own opinion of our rules, our expressions and our expositions.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ensureUnpacked } from '../cluster/index.js';
import { run } from '../cluster/shell.js';

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/** Folder of `prometheus` and `promtool`, fetched on first use. */
export async function prometheusBin(): Promise<string> {
  const { root } = await ensureUnpacked('prometheus', (step) => console.log(step));
  return join(root, 'usr', 'bin');
}

/** What promtool has to say against it; empty when nothing. `files` lie in its working folder. */
export async function promtool(
  args: readonly string[],
  given: { readonly files?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Promise<string> {
  const program = join(await prometheusBin(), 'promtool');
  const cwd = mkdtempSync(join(tmpdir(), 'kerf-promtool-'));
  try {
    for (const [name, text] of Object.entries(given.files ?? {})) writeFileSync(join(cwd, name), text);
    const input = given.input === undefined ? {} : { input: given.input };
    const { code, stdout, stderr } = await run([program, ...args], { cwd, timeoutMs: 60_000, ...input });
    return code === 0 && stderr === '' ? '' : `${stdout}${stderr}` || `exit ${code}`;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

/** Are these expressions PromQL? */
export function checkExpressions(expressions: readonly string[]): Promise<string> {
  const rules = expressions.map((expr, at) => ({ record: `kerf:asked:${at}`, expr }));
  const files = { 'asked.yaml': stringify({ groups: [{ name: 'asked', rules }] }) };
  return promtool(['check', 'rules', 'asked.yaml'], { files });
}
