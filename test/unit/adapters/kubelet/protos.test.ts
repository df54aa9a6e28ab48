// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { folders } from '../../../fakes/folder.js';

const newFolder = folders();
const protos = fileURLToPath(new URL('../../../../src/adapters/kubelet/protos', import.meta.url));

it('the generated code is what `npm run protos` makes of the .proto files', () => {
  const fresh = newFolder();
  execFileSync(process.execPath, [join(protos, 'generate.mjs'), fresh]);
  const committed = join(protos, 'generated');
  expect(readdirSync(fresh)).toEqual(readdirSync(committed));
  for (const name of readdirSync(fresh))
    expect(readFileSync(join(fresh, name), 'utf8')).toBe(readFileSync(join(committed, name), 'utf8'));
});
