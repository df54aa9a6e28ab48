// SPDX-License-Identifier: Apache-2.0
// The check for a real GPU waits for one (`test/hardware/check.sh`); here it is held ready on fake H200s.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { buildNative, ROOT } from './build.js';

beforeAll(buildNative);

it('the hardware check passes on fake H200s', () => {
  const told = execFileSync(join(ROOT, 'test', 'hardware', 'check.sh'), ['--fake'], { encoding: 'utf8' });
  expect(told.trim().split('\n').at(-1)).toBe('13 passed, 0 failed');
});
