// SPDX-License-Identifier: Apache-2.0
// `kerf policy check` from its file to its exit code.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../../../../src/apps/cli/io.js';
import { runCli } from '../../../../src/apps/cli/program.js';
import { ROOT } from '../../../architecture/tree.js';

let folder = '';
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kerf-policy-'));
  writeFileSync(at('bad.yaml'), 'version: 1\ndefaults:\n  node: best\nmore: 1\n');
  writeFileSync(at('map.yaml'), 'kind: ConfigMap\ndata:\n  policy.yaml: |\n    version: 2\n');
  writeFileSync(at('none.yaml'), 'kind: ConfigMap\ndata: {}\n');
});

afterAll(() => rmSync(folder, { recursive: true }));

async function kerf(...args: readonly string[]) {
  const seen = { out: '', err: '' };
  const write = (key: 'out' | 'err') => (text: string) => {
    seen[key] += `${text}\n`;
  };
  const stop = new AbortController().signal;
  const io: Io = { out: write('out'), err: write('err'), isTty: false, hasColour: false, env: {}, stop };
  return { code: await runCli(['policy', ...args], io), ...seen };
}

describe('kerf policy check', () => {
  it('takes the ConfigMap as the chart renders it', async () => {
    const file = join(ROOT, 'scheduler-config', 'policy.yaml');
    expect(await kerf('check', file)).toEqual({ code: 0, out: `${file}: good\n`, err: '' });
  });

  it('names every line that is wrong, and exits 1', async () => {
    const { code, out, err } = await kerf('check', at('bad.yaml'));
    expect(code).toBe(1);
    const lines = out.trimEnd().split('\n');
    expect(lines[0]).toContain('bad.yaml: line 3: defaults.node is "best": want binpack, spread');
    expect(lines[1]).toContain('bad.yaml: line 4: more is not known: want one of version');
    expect(err).toContain('2 problems: the scheduler would keep the last good document');
  });

  it('tells the same as JSON', async () => {
    const { code, out } = await kerf('check', at('bad.yaml'), '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      good: false,
      problems: [
        { line: 3, field: 'defaults.node' },
        { line: 4, field: 'more' },
      ],
    });
  });

  it.each([
    ['map.yaml', 1, 'line 1: version is 2: want 1'],
    ['none.yaml', 1, 'the ConfigMap has no key policy.yaml'],
    ['absent.yaml', 2, 'absent.yaml cannot be read'],
  ])('%s ends with %i', async (file, code, sentence) => {
    const seen = await kerf('check', at(file));
    expect(seen.code).toBe(code);
    expect(seen.out + seen.err).toContain(sentence);
  });

  it.each([['check'], ['show']])('%s helps with examples', async (verb) => {
    const { code, out } = await kerf(verb, '--help');
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining(`kerf policy ${verb}`) });
  });
});
