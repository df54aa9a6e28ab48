// SPDX-License-Identifier: Apache-2.0
// The check for a real GPU waits for one (`test/hardware/run.sh`); here all of it is rehearsed on a fake H200.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildNative, ROOT } from './build.js';

const out = mkdtempSync(join(tmpdir(), 'kerf-hardware-'));

beforeAll(buildNative);
afterAll(() => rmSync(out, { recursive: true }));

function check(...args: readonly string[]) {
  const run = spawnSync(join(ROOT, 'test', 'hardware', 'run.sh'), ['--fake', '--out', out, ...args], {
    encoding: 'utf8',
  });
  const lines = run.stdout.trim().split('\n');
  const told = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  return { status: run.status, last: lines.at(-1), told, stderr: run.stderr };
}

it('what a GPU must show of loading and memory, a fake one shows', { timeout: 120_000 }, () => {
  const { status, last, told, stderr } = check('--seconds', '0.3', 'loads', 'memory');
  expect(told.filter(({ holds }) => holds === false)).toEqual([]);
  expect(last, stderr).toBe('23 passed, 0 failed');
  expect(status).toBe(0);
});

it('all figures of a GPU are told, and a part that is done is not run again', { timeout: 120_000 }, () => {
  const { told } = check(
    ...['--seconds', '0.01', '--limits', '50'],
    ...['loads', 'overhead', 'compute', 'tenants'],
  );
  const parts = told.filter(({ done }) => done).map(({ part }) => part);
  expect(parts).toEqual(['overhead', 'compute', 'tenants']);
  const shares = told.filter(({ metric }) => / at \d+ %: busy share$/.test(metric));
  expect(shares).toHaveLength(12);
  expect(shares.every(({ value }) => value > 0 && value < 2)).toBe(true);
  expect(told.filter(({ cut }) => cut !== undefined)).toEqual([]);
});
