// SPDX-License-Identifier: Apache-2.0
// docs/injections.md is held to the tests: every number once, every file it names is there, and the first one has a title
// with that number unless the injection has a file of its own.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../build.js';

const ROWS = readFileSync(join(ROOT, 'docs/injections.md'), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => /^\d+$/.test(cells[1] ?? ''))
  .map(([, number, , , tests]) => ({
    number: Number(number),
    files: (tests ?? '').split(' ').map((name) => `test/native/${name.replaceAll('`', '')}.test.ts`),
  }));

const numbersIn = (file: string): readonly number[] =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(/describe\('(\d+):/g)].map((match) => Number(match[1]));

describe('docs/injections.md', () => {
  it('has the thirty-five, in order', () => {
    expect(ROWS.map(({ number }) => number)).toEqual(Array.from({ length: 35 }, (_, at) => at + 1));
  });

  it('names files that are there, and each number is a title in those of test/native/injections that it names', () => {
    for (const { number, files } of ROWS)
      for (const file of files) {
        expect([number, file, existsSync(join(ROOT, file))]).toEqual([number, file, true]);
        if (file.includes('/injections/'))
          expect([file, number, numbersIn(file).includes(number)]).toEqual([file, number, true]);
      }
  });

  it('lists every title with a number', () => {
    for (const name of ['process', 'region', 'driver', 'compute', 'security']) {
      const file = `test/native/injections/${name}.test.ts`;
      for (const number of numbersIn(file))
        expect([number, ROWS.find((row) => row.number === number)?.files.includes(file)]).toEqual([
          number,
          true,
        ]);
    }
  });
});
