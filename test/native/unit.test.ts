// SPDX-License-Identifier: Apache-2.0
// The C unit tests (native/test) as built for use, and under AddressSanitizer and UndefinedBehaviorSanitizer.
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildNative, ROOT } from './build.js';

beforeAll(() => {
  buildNative();
  const { status, stderr } = spawnSync(process.execPath, [`${ROOT}native/build.mjs`, 'asan'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr.slice(-4000));
}, 120_000);

describe('ledger and pointer map', () => {
  it.each(['release', 'asan'])('keep their claims in the %s build', (preset) => {
    const ran = spawnSync('ctest', ['--preset', preset], { cwd: `${ROOT}native`, encoding: 'utf8' });
    expect(ran.stdout).toContain('100% tests passed');
  });
});
