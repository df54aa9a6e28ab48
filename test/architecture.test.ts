// SPDX-License-Identifier: Apache-2.0
// The law of docs/architecture.md, held. Each check is also shown to fail on a small tree in memory.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VENDORS } from '../src/vendors/index.js';
import * as law from './architecture/law.js';
import { pathsBelow, ROOT, readFiles } from './architecture/tree.js';

const SOURCE = /\.(ts|js|mjs|c|h|cc|cpp|def|go|sh)$/;
const paths = pathsBelow('src', 'device-plugin', 'native', 'test', 'bench').filter((path) =>
  SOURCE.test(path),
);
const sources = readFiles(paths);
const rooms = only(/^(src|device-plugin)\/.*\.ts$/);

function only(pattern: RegExp): Map<string, string> {
  return new Map([...sources].filter(([path]) => pattern.test(path)));
}

const tree = (files: Record<string, string>): Map<string, string> => new Map(Object.entries(files));
const fromRoot = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('the house', () => {
  it('has files to check', () => expect(rooms.size).toBeGreaterThan(10));
  it('imports only along the law', () => expect(law.breachesOfImportLaw(rooms)).toEqual([]));
  it('has no import cycle', () => expect(law.importCycles(sources)).toEqual([]));
  it('says vendors’ names only in vendors, wire and adapters', () => {
    const names = VENDORS.map((vendor) => vendor.name);
    expect(law.breachesOfVendorRule(rooms, names)).toEqual([]);
  });
  it('carries its licence in every source file', () => expect(law.breachesOfSpdx(sources)).toEqual([]));
  it('names files in kebab-case, and for what they are', () =>
    expect(law.breachesOfFileNames(paths)).toEqual([]));
  it('exports no type with an empty word in its name', () => expect(law.breachesOfWords(rooms)).toEqual([]));
  it('keeps C files to 500 lines', () =>
    expect(law.breachesOfLength(only(/\.(c|h|cc|cpp|def)$/), 500)).toEqual([]));
  it('has its law in docs/architecture.md, word for word', () =>
    expect(law.lawInMarkdown(fromRoot('docs/architecture.md'))).toEqual(law.MAY_IMPORT));
  it('compiles exactly its pure rooms without Node’s types', () => {
    const config = JSON.parse(fromRoot('tsconfig.pure.json'));
    expect(config.include).toEqual(law.PURE);
    expect(config.compilerOptions.types).toEqual([]);
  });
  it('pins every dependency exactly', () => {
    const { dependencies, devDependencies } = JSON.parse(fromRoot('package.json'));
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version as string),
    );
    expect(loose).toEqual([]);
  });
});

describe('the checks can fail', () => {
  it.each([
    ['core that imports wire', 'src/core/a.ts', "import { x } from '../wire/x.js';"],
    ['a type taken from a later room', 'src/core/a.ts', "import type { X } from '../wire/x.js';"],
    ['a room that re-exports a room', 'src/admission/a.ts', "export * from '../scheduling/x.js';"],
    ['a dynamic import of a door', 'src/adapters/a.ts', "const m = await import('../apps/x.js');"],
    ['a plugin that imports observing', 'device-plugin/a.ts', "import '../src/observing/x.js';"],
    ['a pure room with a package', 'src/wire/a.ts', "import { z } from 'zod';"],
    ['a pure room with Node', 'src/scheduling/a.ts', "import fs from 'node:fs';"],
    ['a way out of the house', 'src/apps/a.ts', "import x from '../../test/x.js';"],
    ['a file in no room', 'src/stray/a.ts', "import x from './b.js';"],
  ])('on %s', (_, path, text) => {
    expect(law.breachesOfImportLaw(tree({ [path]: text }))).toHaveLength(1);
  });

  it('and let lawful imports pass', () => {
    const files = tree({
      'src/adapters/a/b.ts': "import { x } from '../../scheduling/ports.js'; import fs from 'node:fs';",
      'src/core/c/d.ts': "import type { X } from '../e.js';",
      'device-plugin/f.ts': "import { y } from '../src/adapters/g.js';",
    });
    expect(law.breachesOfImportLaw(files)).toEqual([]);
  });

  it('on a cycle of three files, and say it once', () => {
    const files = tree({
      'src/core/a.ts': "import './b.js';",
      'src/core/b.ts': "export * from './c.js';",
      'src/core/c.ts': "import type { A } from './a.js';",
      'src/core/d.ts': "import './a.js';",
    });
    const cycle = ['src/core/a.ts', 'src/core/b.ts', 'src/core/c.ts', 'src/core/a.ts'];
    expect(law.importCycles(files)).toEqual([cycle]);
  });

  it('on a vendor’s name in a door, in any case, and not in an adapter', () => {
    const files = tree({
      'src/apps/a.ts': 'x\n// Acme',
      'src/adapters/b.ts': 'acme',
      'src/wire/c.ts': 'ACME',
    });
    expect(law.breachesOfVendorRule(files, ['acme'])).toEqual([
      "src/apps/a.ts:2 says a vendor's name: ask src/vendors",
    ]);
  });

  it('on a missing licence line, not on one after a shebang', () => {
    const line = '// SPDX-License-Identifier: Apache-2.0';
    const files = tree({
      'a.ts': line,
      'b.sh': `#!/bin/sh\n${line.replace('//', '#')}`,
      'c.ts': `\n\n${line}`,
    });
    expect(law.breachesOfSpdx(files)).toHaveLength(1);
  });

  it.each(['src/aB.ts', 'src/a_b.ts', 'src/pod-helper.ts', 'src/util.ts', 'src/device.info.ts'])(
    'on %s',
    (path) => expect(law.breachesOfFileNames([path])).toHaveLength(1),
  );

  it('on a type with an empty word, not on a word that holds one', () => {
    const files = tree({
      'a.ts': 'export class PodManager {}\nexport type Database = 1;\nexport type Informer = 1;',
    });
    expect(law.breachesOfWords(files)).toEqual(['a.ts exports PodManager: Manager says nothing']);
  });

  it('on the 501st line', () => {
    expect(
      law.breachesOfLength(tree({ 'a.c': 'x\n'.repeat(501), 'b.c': 'x\n'.repeat(500) }), 500),
    ).toHaveLength(1);
  });
});
