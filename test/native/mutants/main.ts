// SPDX-License-Identifier: Apache-2.0
// `npm run mutants`: every mutant and whether its test caught it. `npm run mutants -- refund graph` only those whose names
// have such a word.
import { buildNative } from '../build.js';
import { MUTANTS } from './mutants.js';
import { runMutant, runUnchanged } from './run.js';

const words = process.argv.slice(2);
const chosen = MUTANTS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
/** Tests that passed without a mutation. */
const good = new Set<string>();
let living = 0;
buildNative();
for (const mutant of chosen) {
  const { isCaught, said, seconds } = runMutant(mutant);
  const test = typeof mutant.caughtBy === 'string' ? mutant.caughtBy : mutant.caughtBy.title;
  const unchanged = isCaught && !good.has(test) ? runUnchanged(mutant) : null;
  const isProven = isCaught && (good.has(test) || unchanged?.isGood === true);
  if (isProven) good.add(test);
  console.log(
    `${isProven ? 'caught' : isCaught ? 'BROKEN' : 'LIVES '} ${seconds.toFixed(0).padStart(3)} s  ${mutant.name}  (${test})`,
  );
  if (!isProven) console.log(unchanged?.said ?? said);
  if (!isProven) living += 1;
}
console.log(`${chosen.length - living} of ${chosen.length} mutants caught`);
process.exitCode = living === 0 ? 0 : 1;
