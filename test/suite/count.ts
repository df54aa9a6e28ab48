// SPDX-License-Identifier: Apache-2.0
// Reads what vitest and ctest report. Pure: text in, counts out.

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Names of what was skipped, for people. */
  readonly skippedNames: readonly string[];
}

export const NOTHING: Count = { passed: 0, failed: 0, skipped: 0, skippedNames: [] };

interface VitestFile {
  readonly status: string;
  readonly name: string;
  readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
}

export function addCount(a: Count, b: Count): Count {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    skippedNames: [...a.skippedNames, ...b.skippedNames],
  };
}

/** A file that failed without a failed test (it could not be loaded) counts as one failure. */
export function countVitest(report: string): Count {
  const files = (JSON.parse(report) as { testResults: readonly VitestFile[] }).testResults;
  return files.map(countFile).reduce(addCount, NOTHING);
}

function countFile(file: VitestFile): Count {
  const of = (...states: string[]) => file.assertionResults.filter((test) => states.includes(test.status));
  const skippedNames = of('pending', 'skipped', 'todo', 'disabled').map((test) => test.fullName);
  const failed = of('failed').length;
  const isBroken = file.status === 'failed' && failed === 0;
  return {
    passed: of('passed').length,
    failed: isBroken ? 1 : failed,
    skipped: skippedNames.length,
    skippedNames,
  };
}

/** Files with a failure, as vitest names them, and the names of what failed there. */
export function failuresOf(report: string): ReadonlyMap<string, readonly string[]> {
  const files = (JSON.parse(report) as { testResults: readonly VitestFile[] }).testResults;
  return new Map(
    files
      .filter((file) => countFile(file).failed > 0)
      .map(({ name, assertionResults }) => [
        name,
        assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
      ]),
  );
}

/** What counts after failed files were run again: each file's last run. */
export function countAgain(first: string, second: string): Count {
  const read = (report: string) => (JSON.parse(report) as { testResults: readonly VitestFile[] }).testResults;
  const later = new Map(read(second).map((file) => [file.name, file]));
  return read(first)
    .map((file) => countFile(later.get(file.name) ?? file))
    .reduce(addCount, NOTHING);
}

/** ctest's JUnit: one <testcase name=… status="run|fail|notrun|disabled"> each. */
export function countCtest(report: string): Count {
  const cases = [...report.matchAll(/<testcase\s([^>]*)>/g)].map(([, attributes = '']) => ({
    name: attribute(attributes, 'name'),
    status: attribute(attributes, 'status'),
  }));
  const skippedNames = cases
    .filter(({ status }) => ['notrun', 'disabled'].includes(status))
    .map((it) => it.name);
  const failed = cases.filter(({ status }) => status === 'fail').length;
  return {
    passed: cases.length - failed - skippedNames.length,
    failed,
    skipped: skippedNames.length,
    skippedNames,
  };
}

function attribute(text: string, name: string): string {
  return new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(text)?.[1] ?? '';
}
