// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRegion, regionPath } from '../../../../src/adapters/region/region-file.js';
import { emptyRegion, REGION } from '../../../../src/wire/region.js';

const folder = mkdtempSync(join(tmpdir(), 'kerf-region-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const written = (name: string, bytes: Uint8Array): string => {
  writeFileSync(at(name), bytes);
  return at(name);
};

describe('a region file', () => {
  it('lies in its slot’s box, and beside it where an older agent made it', () => {
    expect(regionPath(folder, 'ab')).toBe(join(folder, 'slots', 'ab', 'box', 'region'));
    mkdirSync(join(folder, 'slots', 'cd'), { recursive: true });
    expect(regionPath(folder, 'cd')).toBe(join(folder, 'slots', 'cd', 'box', 'region'));
    writeFileSync(join(folder, 'slots', 'cd', 'region'), '');
    expect(regionPath(folder, 'cd')).toBe(join(folder, 'slots', 'cd', 'region'));
  });

  it('is read', async () =>
    expect(await readRegion(written('good', emptyRegion()))).toMatchObject({
      ok: true,
      value: { attached: 0 },
    }));

  it('may be missing', async () => expect(await readRegion(at('none'))).toBeNull());

  it.each([
    ['cut short', () => written('short', emptyRegion().subarray(1)), 'not 299008'],
    ['blown up', () => written('long', new Uint8Array(REGION.bytes + 1)), 'not 299008'],
    ['empty', () => written('empty', new Uint8Array(0)), 'region has 0 bytes'],
    ['of zeros', () => written('zeros', new Uint8Array(REGION.bytes)), 'region magic is 0'],
  ])('is refused when it is %s', async (_, make, sentence) => {
    const region = await readRegion(make());
    expect(region).toMatchObject({ ok: false, error: expect.stringContaining(sentence) });
  });

  it('is refused as a link, a folder or a pipe, without waiting for anybody', async () => {
    symlinkSync(written('target', emptyRegion()), at('link'));
    mkdirSync(at('folder'));
    execFileSync('mkfifo', [at('pipe')]);
    const refused = await Promise.all(['link', 'folder', 'pipe'].map((name) => readRegion(at(name))));
    expect(refused.map((region) => (region === null || region.ok ? '' : region.error))).toEqual([
      'region cannot be opened: ELOOP',
      'region is not a file',
      'region is not a file',
    ]);
  });
});
