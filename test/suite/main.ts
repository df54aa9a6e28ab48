// SPDX-License-Identifier: Apache-2.0
// `npm test`: every part in turn, the reasons of what was skipped, and one last line `N passed, N failed`.
//   npm test -- quick e2e     only these parts, and what they need
//   CI=true                   a part or a test that is skipped counts as a failure
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { addCount, type Count, countAgain, countCtest, countVitest, failuresOf, NOTHING } from './count.js';
import { againOf, type Part, PARTS, reportOf, REPORTS } from './parts.js';

interface Outcome {
  readonly part: Part;
  readonly count: Count;
  /** Why it did not run; null when it ran. */
  readonly skipped: string | null;
  readonly isGood: boolean;
  readonly seconds: number;
  /** Tests that failed and passed when run again. */
  readonly flaked: readonly string[];
}

/** More failed files than this are no accident. */
const MOST_AGAIN = 2;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Set by Ctrl-C: no further part is begun. */
let isInterrupted = false;
const isCi = process.env.CI === 'true';

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !PARTS.some((part) => part.name === name));
  if (unknown !== undefined) {
    console.error(`there is no part ${unknown}: ${PARTS.map((part) => part.name).join(', ')}`);
    return 2;
  }
  rmSync(REPORTS, { recursive: true, force: true });
  mkdirSync(REPORTS, { recursive: true });
  const outcomes: Outcome[] = [];
  for (const part of chosen(names)) if (!isInterrupted) outcomes.push(await runPart(part, outcomes));
  return isInterrupted ? 130 : summary(outcomes);
}

function chosen(names: readonly string[]): readonly Part[] {
  if (names.length === 0) return PARTS;
  const needed = new Set(
    PARTS.filter((part) => names.includes(part.name)).flatMap((part) => part.needs ?? []),
  );
  return PARTS.filter((part) => names.includes(part.name) || needed.has(part.name));
}

async function runPart(part: Part, before: readonly Outcome[]): Promise<Outcome> {
  const broken = before.find((outcome) => part.needs?.includes(outcome.part.name) && !outcome.isGood);
  const why = broken === undefined ? (part.missing?.() ?? null) : `${broken.part.name} failed`;
  const start = Date.now();
  if (why !== null) {
    console.log(`\n── ${part.name}: skipped, ${why}`);
    return {
      part,
      count: NOTHING,
      skipped: why,
      isGood: !isCi && broken === undefined,
      seconds: 0,
      flaked: [],
    };
  }
  console.log(`\n── ${part.name}: ${part.command.join(' ')}`);
  const first = await run(part);
  const { code, count, flaked } = (await runAgain(part, first)) ?? {
    code: first,
    count: countOf(part, first),
    flaked: [],
  };
  const seconds = Math.round((Date.now() - start) / 1000);
  console.log(`── ${part.name}: ${code === 0 ? 'good' : `failed (exit ${code})`} after ${seconds} s`);
  return { part, count, skipped: null, isGood: code === 0, seconds, flaked };
}

/** The failed files once more; null where that is not for this part, or more failed than by accident. */
async function runAgain(
  part: Part,
  code: number,
): Promise<{ readonly code: number; readonly count: Count; readonly flaked: readonly string[] } | null> {
  const path = reportOf(part.name);
  if (part.isTriedAgain === undefined || code !== 1 || isInterrupted || !existsSync(path)) return null;
  const first = readFileSync(path, 'utf8');
  const failures = failuresOf(first);
  if (failures.size === 0 || failures.size > MOST_AGAIN) return null;
  for (const name of [...failures.values()].flat()) console.log(`── ${part.name}: failed: ${name}`);
  const again = againOf(part, [...failures.keys()]);
  console.log(`── ${part.name}: ${failures.size} file(s) once more`);
  const second = await run(again);
  if (!existsSync(reportOf(again.name))) return null;
  const count = countAgain(first, readFileSync(reportOf(again.name), 'utf8'));
  return { code: second, count, flaked: second === 0 ? [...failures.values()].flat() : [] };
}

/** A part that failed without naming a test counts as one failure: nothing bad adds up to zero. */
function countOf(part: Part, code: number): Count {
  const count = countedIn(part);
  return code !== 0 && count.failed === 0 ? addCount(count, { ...NOTHING, failed: 1 }) : count;
}

function countedIn(part: Part): Count {
  const path = part.counting === 'ctest' ? `${REPORTS}/${part.name}.xml` : reportOf(part.name);
  if (part.counting === 'step' || !existsSync(path)) return NOTHING;
  const text = readFileSync(path, 'utf8');
  return part.counting === 'ctest' ? countCtest(text) : countVitest(text);
}

/** Exit code; 124 when the part ran out of time. The part is a process group, so that nothing of it stays. */
function run(part: Part): Promise<number> {
  const [command = '', ...args] = part.command;
  const child = spawn(command, args, { stdio: 'inherit', detached: true });
  const end = (): void => endGroup(child.pid);
  // A group of its own hears nothing of the terminal's Ctrl-C.
  const interrupt = (): void => {
    isInterrupted = true;
    end();
  };
  for (const signal of SIGNALS) process.once(signal, interrupt);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    console.error(`── ${part.name}: no end after ${part.timeoutMinutes} minutes`);
    end();
  }, part.timeoutMinutes * 60_000);
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(error.message);
      resolve(127);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      for (const signal of SIGNALS) process.off(signal, interrupt);
      resolve(isLate ? 124 : (code ?? 1));
    });
  });
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGTERM');
  } catch {
    // It ended meanwhile.
  }
}

function summary(outcomes: readonly Outcome[]): number {
  const total = outcomes.map((outcome) => outcome.count).reduce(addCount, NOTHING);
  const skippedParts = outcomes.filter((outcome) => outcome.skipped !== null);
  console.log('');
  for (const { part, count, seconds, skipped } of outcomes) {
    const counts = part.counting === 'step' ? '' : `${count.passed} passed, ${count.failed} failed`;
    console.log(
      `${part.name.padEnd(8)} ${skipped === null ? `${seconds} s`.padStart(6) : 'skipped'}  ${counts}`,
    );
  }
  for (const { part, skipped } of skippedParts) console.log(`skipped part ${part.name}: ${skipped}`);
  for (const name of total.skippedNames) console.log(`skipped test: ${name}`);
  for (const name of outcomes.flatMap(({ flaked }) => flaked))
    console.log(`failed once, and passed when run again: ${name}`);
  const failed = total.failed + (isCi ? total.skipped + skippedParts.length : 0);
  console.log(`${total.passed} passed, ${failed} failed`);
  return failed === 0 && outcomes.every((outcome) => outcome.isGood) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
