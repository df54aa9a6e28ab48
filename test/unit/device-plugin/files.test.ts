// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFile } from '../../../device-plugin/files.js';
import { folders } from '../../fakes/folder.js';

const newFolder = folders();

/** The temporary file's path: a rename that fails names what it should have moved. */
function tempOf(path: string): string {
  mkdirSync(join(path, 'x'), { recursive: true });
  try {
    replaceFile({ path, content: '{}', mode: 0o644 });
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).path ?? '';
  }
  return '';
}

describe('a file begun and not yet renamed', () => {
  it('lies beside its place under a name that no runtime takes for a CDI spec', () => {
    const folder = newFolder();
    const temp = tempOf(join(folder, 'kerf-slot-1.json'));
    expect(temp.startsWith(`${folder}/.tmp-`)).toBe(true);
    expect(temp).toContain('kerf-slot-1.json');
    expect(temp).not.toMatch(/\.(json|ya?ml)$/);
    expect(readdirSync(folder)).toEqual(['kerf-slot-1.json']);
  });
});
