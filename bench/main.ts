// SPDX-License-Identifier: Apache-2.0
// `npm run bench -- <name> [--json]` runs bench/<name>.ts, whose `run` gives rows; without a name, or with --help, it lists them.
// Exit code: 0 all bars hold, 1 one is missed, 2 there is no such bench.
import { readdirSync } from 'node:fs';
import { jsonLines, type Row, table } from './report.js';

interface Bench {
  /** One sentence for the list. */
  readonly about: string;
  /** `args`: the command line behind the name, for benches that take options. */
  run(args: readonly string[]): Promise<readonly Row[]>;
}

/** Every other file of this folder is a bench. */
const NOT_A_BENCH = ['main', 'report'];

async function main(args: readonly string[]): Promise<number> {
  const names = benches();
  const name = args.find((arg) => !arg.startsWith('-'));
  if (name === undefined || args.includes('--help') || args.includes('-h')) {
    console.log('Use: npm run bench -- <name> [--json]\n\nBenches:');
    for (const each of names) console.log(`  ${each.padEnd(12)} ${(await load(each)).about}`);
    return 0;
  }
  if (!names.includes(name)) {
    console.error(`there is no bench ${name}; there are: ${names.join(', ') || 'none yet'}`);
    return 2;
  }
  const rows = await (await load(name)).run(args.slice(args.indexOf(name) + 1));
  console.log(args.includes('--json') ? jsonLines(rows) : table(rows));
  return rows.some((row) => row.holds === false) ? 1 : 0;
}

function benches(): readonly string[] {
  const files = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.ts'));
  return files
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((file) => !NOT_A_BENCH.includes(file))
    .sort();
}

async function load(name: string): Promise<Bench> {
  return (await import(new URL(`${name}.ts`, import.meta.url).href)) as Bench;
}

process.exitCode = await main(process.argv.slice(2));
