// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { countAgain, countCtest, countVitest, failuresOf } from '../../suite/count.js';

const file = (status: string, ...states: string[]) => ({
  status,
  name: 'x.test.ts',
  assertionResults: states.map((state, at) => ({ status: state, fullName: `test ${at}` })),
});
const report = (...files: unknown[]): string => JSON.stringify({ testResults: files });

describe('a vitest report', () => {
  it.each([
    ['counts what passed', [file('passed', 'passed', 'passed')], { passed: 2, failed: 0, skipped: 0 }],
    [
      'counts over files',
      [file('passed', 'passed'), file('failed', 'failed')],
      { passed: 1, failed: 1, skipped: 0 },
    ],
    [
      'counts a file that cannot be loaded as a failure',
      [file('failed')],
      { passed: 0, failed: 1, skipped: 0 },
    ],
    ['counts what was left out', [file('passed', 'skipped', 'todo')], { passed: 0, failed: 0, skipped: 2 }],
  ])('%s', (_, files, want) => expect(countVitest(report(...files))).toMatchObject(want));

  it('names what was left out', () =>
    expect(countVitest(report(file('passed', 'passed', 'pending'))).skippedNames).toEqual(['test 1']));
});

describe('a ctest report', () => {
  it('counts each case by its status, whatever the order of the attributes', () => {
    const xml = `<testsuite tests="4">
      <testcase name="limits" classname="limits" time="0.01" status="run"><system-out>ok</system-out></testcase>
      <testcase status="fail" name="region"><failure message="no"/></testcase>
      <testcase name="gpu" status="notrun"/>
      <testcase name="off" status="disabled"/></testsuite>`;
    expect(countCtest(xml)).toEqual({ passed: 1, failed: 1, skipped: 2, skippedNames: ['gpu', 'off'] });
  });
});

describe('files run again', () => {
  const named = (name: string, status: string, ...states: string[]) => ({ ...file(status, ...states), name });
  const first = report(named('a', 'passed', 'passed'), named('b', 'failed', 'passed', 'failed'));

  it('are those with a failure, by the names of what failed', () =>
    expect([...failuresOf(first)]).toEqual([['b', ['test 1']]]));

  it('count by their last run, the others by their first', () => {
    const good = countAgain(first, report(named('b', 'passed', 'passed', 'passed')));
    expect(good).toMatchObject({ passed: 3, failed: 0 });
    expect(countAgain(first, first)).toMatchObject({ passed: 2, failed: 1 });
  });
});
