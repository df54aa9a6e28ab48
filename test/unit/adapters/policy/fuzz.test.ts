// SPDX-License-Identifier: Apache-2.0
// Policy documents as nobody should write them: refused with lines and sentences, in time; and whatever is taken can
// be obeyed for any pod and any device.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readPolicy } from '../../../../src/adapters/policy/read.js';
import { DEFAULT_RULES } from '../../../../src/core/policies.js';
import { nodeRulingsOf } from '../../../../src/core/node-rules.js';
import { type PolicyDocument, rulingsOf } from '../../../../src/core/policy-document.js';
import { readPolicyLetter } from '../../../../src/wire/policy.js';
import { ROOT } from '../../../architecture/tree.js';
import { wrong } from '../../../builders/odd.js';

const RUNS = process.env.KERF_LONG === '1' ? 20_000 : 300;
const GOOD = {
  version: 1,
  defaults: { node: ['binpack', 'topology'], device: ['mutex', 'numa'] },
  rules: [
    {
      match: { namespaces: ['team-a', 'ml-*'], labels: { tier: 'batch' } },
      node: { binpack: 2, topology: 1 },
    },
    { match: { labels: { 'kerf.dev/x': 'y' } }, device: 'exclusive' },
  ],
  overcommit: [{ nodes: { 'kerf.dev/pool': 'dev' }, memory: 1.5, cores: 2, splits: 20 }],
  node: [{ match: { namespaces: ['ml-*'] }, onEscape: 'kill', compute: 'soft', lendMemory: true }],
};

function expectObeyed(document: PolicyDocument): void {
  const ruling = rulingsOf(document, DEFAULT_RULES);
  expect(nodeRulingsOf(document)('ml-1').onEscape).toMatch(/^(report|throttle|kill)$/);
  for (const namespace of ['team-a', 'ml-1', '', '__proto__'])
    for (const labels of [new Map<string, string>(), new Map([['tier', 'batch']])]) {
      const { rules } = ruling({ namespace, labels });
      expect(rules.nodePolicy.length).toBeGreaterThan(0);
      expect(rules.devicePolicy.length).toBeGreaterThan(0);
    }
}

function expectAnswered(text: string): void {
  const read = readPolicy(text);
  if (read.ok) return expectObeyed(read.value);
  expect(read.error.length).toBeGreaterThan(0);
  expect(read.error.length).toBeLessThanOrEqual(50);
  for (const { line, sentence } of read.error) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(sentence).toMatch(/\S+ \S+/);
    expect(sentence.length).toBeLessThan(2_000);
  }
}

/** In `&a` and `*a`, each level ten of the one before. */
function bomb(levels: number): string {
  const rows = Array.from(
    { length: levels },
    (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(10)}]`,
  );
  return `version: 1\na0: &a0 [x]\n${rows.join('\n')}\n`;
}

describe('a policy document', () => {
  it('with odd values is refused line by line, or can be obeyed', () => {
    fc.assert(
      fc.property(wrong(GOOD), (document) => expectAnswered(asYaml(document))),
      { numRuns: RUNS },
    );
  });

  it('that is spoilt as a text is refused, or can be obeyed', () => {
    const texts = readdirSync(join(ROOT, 'scheduler-config', 'samples'))
      .filter((name) => /policy.*\.yaml$/.test(name))
      .map((name) => readFileSync(join(ROOT, 'scheduler-config', 'samples', name), 'utf8'));
    const odd = fc.constantFrom(
      '',
      ' ',
      '\t',
      '\n',
      ':',
      '- ',
      '&a ',
      '*a ',
      '!!js ',
      '|',
      '>',
      '{',
      '[',
      '"',
      '%',
      '? ',
      '\u0000',
      '---\n',
      '...\n',
      '<<: *a\n',
      '#',
    );
    fc.assert(
      fc.property(
        fc.constantFrom(stringify(GOOD), ...texts),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), odd, fc.nat(3)), { maxLength: 4 }),
        (good, spots) => {
          const spoilt = spots.reduce((text, [where, piece, gone]) => {
            const at = Math.floor(where * text.length);
            return text.slice(0, at) + piece + text.slice(at + gone);
          }, good);
          expectAnswered(spoilt);
          expectAnswered(spoilt.slice(0, Math.floor((spots[0]?.[0] ?? 1) * spoilt.length)));
        },
      ),
      { numRuns: RUNS },
    );
  });

  it.each([
    ['aliases of aliases', bomb(9)],
    ['aliases of aliases as rules', `version: 1\nrules: &r [*r, *r]\n`],
    ['one megabyte', `version: 1\n# ${'x'.repeat(1_000_000)}\n`],
    ['many lists in lists', `version: ${'['.repeat(100_000)}`],
    ['lists in lists, closed', `version: ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
    ['maps in maps', Array.from({ length: 400 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
    [
      'ten thousand unknown keys',
      `version: 1\n${Array.from({ length: 10_000 }, (_, at) => `k${at}: 1`).join('\n')}`,
    ],
    ['ten thousand equal keys', `version: 1\n${'rules: []\n'.repeat(10_000)}`],
    ['many documents', 'version: 1\n---\n'.repeat(1_000)],
    ['a tag that makes objects', 'version: !!js/function "x"\n'],
    ['a merge of itself', 'a: &a\n  <<: *a\nversion: 1\n'],
    ['NUL', 'version: 1\n\u0000'],
  ])('of %s is refused, and soon', (_title, text) => {
    const read = readPolicy(text);
    expect(read.ok).toBe(false);
    expectAnswered(text);
  });

  it('is looked for in any object that the API server may show', () => {
    const raw = {
      metadata: { name: 'kerf-policy', namespace: 'kerf-system', uid: 'u' },
      data: { 'policy.yaml': 'version: 1\n' },
    };
    fc.assert(
      fc.property(wrong(raw), (object) => {
        const { text } = readPolicyLetter(object);
        if (text !== null) expectAnswered(text);
      }),
      { numRuns: RUNS },
    );
  });
});

/** The writer has a stack of its own, and knows no half characters. */
function asYaml(document: unknown): string {
  try {
    return stringify(document);
  } catch {
    return JSON.stringify(document);
  }
}
