// SPDX-License-Identifier: Apache-2.0
// `kerf doctor` from its options to its exit code; the checks themselves are in test/unit/adapters/doctor.
import { describe, expect, it } from 'vitest';
import { readOptions } from '../../../../device-plugin/options.js';
import { CHECKS } from '../../../../src/adapters/doctor/examine.js';
import type { Io } from '../../../../src/apps/cli/io.js';
import { runCli } from '../../../../src/apps/cli/program.js';

async function kerf(...args: readonly string[]) {
  const seen = { out: '', err: '' };
  const write = (key: 'out' | 'err') => (text: string) => {
    seen[key] += `${text}\n`;
  };
  const stop = new AbortController().signal;
  const io: Io = { out: write('out'), err: write('err'), isTty: false, hasColour: false, env: {}, stop };
  return { code: await runCli(['doctor', ...args], io), ...seen };
}

const NOTHING = ['--kubelet-dir', '/nowhere', '--cri-socket', '/nowhere.sock', '--library-dir', '/nowhere'];

describe('kerf doctor', () => {
  it('on a machine that is no node tells every check, what to do, and exits 1', async () => {
    const { code, out, err } = await kerf(...NOTHING);
    expect(code).toBe(1);
    for (const { name } of CHECKS) expect(out).toMatch(new RegExp(`^${name} +(ok|warn|fail|skipped) `, 'm'));
    expect(out).toContain('What to do:\n  driver: install the driver');
    expect(err).toMatch(/\d+ of 12 checks fail/);
  });

  it('tells the same as JSON', async () => {
    const { code, out } = await kerf(...NOTHING, '--json');
    const told = JSON.parse(out) as {
      ok: boolean;
      vendor: string;
      checks: { check: string; verdict: string }[];
    };
    expect(code).toBe(1);
    expect(told).toMatchObject({ ok: false, vendor: 'nvidia' });
    expect(told.checks.map(({ check }) => check)).toEqual(CHECKS.map(({ name }) => name));
  });

  it.each([
    [['--vendor', 'none'], 'want one of nvidia, amd'],
    [['--driver-library', 'x'], 'want <vendor>='],
    [['--resource-names', '/nowhere.yaml'], '--resource-names /nowhere.yaml'],
    [['--no-such-option'], 'unknown option'],
  ])('%j is misuse and exits 2', async (args, sentence) => {
    const { code, err } = await kerf(...args);
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });

  it('looks where the device plugin looks', async () => {
    const plugin = readOptions(['--node-name', 'n'], {});
    const { out } = await kerf('--help');
    for (const key of ['kubeletDir', 'stateDir', 'cdiDir', 'libraryDir', 'criSocket', 'procDir'] as const)
      expect(out.replaceAll(/\s+/g, ' ')).toContain(`(default: "${plugin[key]}")`);
  });
});
