// SPDX-License-Identifier: Apache-2.0
// The policy document from its YAML. The schema file itself is asked: nothing here knows its rules otherwise.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complaintText, readPolicy, readPolicyValue } from '../../../../src/adapters/policy/read.js';
import { ROOT } from '../../../architecture/tree.js';

const SAMPLES = join(ROOT, 'scheduler-config', 'samples');
const complaints = (text: string): readonly string[] => {
  const read = readPolicy(text);
  return read.ok ? [] : read.error.map(complaintText);
};

const NODE = 'want binpack, spread, fragmentation or topology';
const DEVICE = 'want binpack, spread, fragmentation, topology, numa, priority, mutex or exclusive';
const KNOWN = 'want one of version, defaults, rules, overcommit, node, prices';

/** What is written, and what is said of it. */
const REFUSED: readonly (readonly [string, string])[] = [
  ['', 'line 1: the document is null: want a mapping that begins with version: 1'],
  ['- 1', 'line 1: the document is a list: want a mapping that begins with version: 1'],
  ['rules: []', 'line 1: version is missing: want 1'],
  ['version: "1"', 'line 1: version is "1": want 1'],
  ['version: 1\nquota: {}', `line 2: quota is not known: ${KNOWN}`],
  ['version: 1\nquotas: {}', `line 2: quotas is not in this version of Kerf: ${KNOWN}`],
  [
    'version: 1\nprices: {}',
    'line 2: prices.models is missing: want a list of 1 to 200 entries, each with model and perGpuHour',
  ],
  [
    'version: 1\nprices: { models: [{ model: A100, perGpuHour: free }] }',
    'line 2: prices.models[0].perGpuHour is "free": want what an hour of the whole device costs, from 0 to 1000000',
  ],
  ['version: 1\ndefaults:\n  nodes: x', 'line 3: defaults.nodes is not known: want one of node, device'],
  [
    'version: 1\nnode: [{ onEscape: warn }]',
    'line 2: node[0].onEscape is "warn": want report, throttle or kill',
  ],
  [
    'version: 1\nnode: [{}]',
    'line 2: node[0] is an object: want onEscape, compute or lendMemory, and match where not every pod is meant',
  ],
  ['version: 1\ndefaults: {}', 'line 2: defaults is an object: want node, device or both'],
  [
    'version: 1\ndefaults:\n  node: best',
    `line 3: defaults.node is "best": ${NODE}, a list of these each once, or weights such as {binpack: 2, topology: 1}`,
  ],
  ['version: 1\ndefaults: { node: [spread, mutex] }', `line 2: defaults.node[1] is "mutex": ${NODE}`],
  [
    'version: 1\ndefaults: { node: { binpack: -1 } }',
    'line 2: defaults.node.binpack is -1: want a weight above 0, at most 1000',
  ],
  ['version: 1\ndefaults: { node: { numa: 1 } }', `line 2: defaults.node has the key "numa": ${NODE}`],
  ['version: 1\ndefaults: { device: [numa, numa] }', 'line 2: defaults.device[1] is "numa": want each once'],
  [
    'version: 1\ndefaults: { device: none }',
    `line 2: defaults.device is "none": ${DEVICE}, or a list of these each once`,
  ],
  [
    'version: 1\nrules:\n  - node: spread',
    'line 3: rules[0] is an object: want match, and node, device or both',
  ],
  [
    'version: 1\nrules:\n  - match: { namespaces: [a] }',
    'line 3: rules[0] is an object: want match, and node, device or both',
  ],
  [
    'version: 1\nrules:\n  - match: { namespaces: [Team_A] }\n    node: spread',
    'line 3: rules[0].match.namespaces[0] is "Team_A": want a namespace of small letters, digits and -, or a pattern such as ml-*',
  ],
  [
    'version: 1\nrules:\n  - match:\n      labels:\n        tier: true\n    node: spread',
    'line 5: rules[0].match.labels.tier is true: want a label value: a text of at most 63 letters, digits, -, _ and ., in quotes where YAML would read a number or true',
  ],
  [
    'version: 1\nrules:\n  - match:\n      labels:\n        a b: x\n    node: spread',
    'line 5: rules[0].match.labels has the key "a b": want a label key, such as tier or team.example.com/tier',
  ],
  [
    'version: 1\novercommit:\n  - nodes: { a/b: c }\n    memory: 0.5',
    'line 4: overcommit[0].memory is 0.5: want a factor from 1 to 10, such as 1.5',
  ],
  [
    'version: 1\novercommit:\n  - nodes: {}',
    'line 3: overcommit[0] is an object: want nodes, and memory, cores or splits',
  ],
  [
    'version: 1\novercommit:\n  - nodes: {}\n    splits: 101',
    'line 4: overcommit[0].splits is 101: want a whole number of slices a device may carry, from 1 to 100',
  ],
  ['version: 1\nversion: 1', 'line 2: not YAML: Map keys must be unique'],
  ['version: 1\nx: !secret y', 'line 2: not YAML: Unresolved tag: !secret'],
];

describe('a policy document', () => {
  it.each(readdirSync(SAMPLES))('sample %s is good', (file) => {
    expect(complaints(readFileSync(join(SAMPLES, file), 'utf8'))).toEqual([]);
  });

  it('means the same read as YAML and as plain JSON', () => {
    const document = {
      version: 1,
      defaults: { node: { binpack: 2, topology: 1 }, device: ['mutex', 'binpack', 'numa'] },
      rules: [{ match: { namespaces: ['team-a', 'ml-*'], labels: { 'a.b/tier': 'batch' } }, node: 'spread' }],
      overcommit: [
        { nodes: { 'kerf.dev/pool': 'dev' }, memory: 1.5, cores: 2, splits: 20 },
        { nodes: {}, splits: 5 },
      ],
    };
    expect(readPolicy(JSON.stringify(document, null, 2))).toEqual({ ok: true, value: document });
    expect(readPolicyValue(document)).toEqual({ ok: true, value: document });
  });

  it.each(REFUSED)('%j is refused', (text, sentence) => expect(complaints(text)).toEqual([sentence]));

  it('is told everything that is wrong with it, by line', () => {
    const text =
      'version: 2\ndefaults: { node: best }\nrules: 7\nmore: 1\novercommit: [{ nodes: {}, memory: 11 }]';
    const lines = complaints(text).map((each) => each.split(':')[0]);
    expect(lines).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5']);
  });

  it('may use aliases, and a complaint names the line where the anchor stands', () => {
    const text = (node: string): string =>
      `version: 1\ndefaults: { node: &n [${node}] }\nrules: [{ match: { namespaces: [a] }, node: *n }]`;
    expect(complaints(text('spread'))).toEqual([]);
    expect(complaints(text('best'))).toEqual([
      `line 2: defaults.node[0] is "best": ${NODE}`,
      `line 2: rules[0].node[0] is "best": ${NODE}`,
    ]);
  });

  it.each([
    ['a bomb of aliases', bombOf(9), /^line 1: the document cannot be read: Excessive alias count/],
    ['brackets without end', '['.repeat(100_000), /^line 1: not YAML: /],
    [
      'more than a ConfigMap should hold',
      `version: 1 #${'x'.repeat(300_000)}`,
      /^line 1: the document has 300012 letters: want at most 262144$/,
    ],
    ['a prototype', '"__proto__": { version: 1 }', /^line 1: version is missing: want 1$/],
  ])('%s is refused', (_, text, sentence) => expect(complaints(text)[0]).toMatch(sentence));

  it('is answered whatever comes, in sentences of one line', () => {
    const rules = fc.string().map((text) => `version: 1\nrules: ${text}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), rules), (text) => {
        for (const each of complaints(text)) expect(each).toMatch(/^line \d+: [^\n]+$/);
      }),
    );
  });

  it('is answered whatever value a letter carries', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const read = readPolicyValue(value);
        if (!read.ok) expect(read.error).toMatch(/: want /);
      }),
    );
  });
});

/** Each line nine of the line before. */
function bombOf(lines: number): string {
  const line = (at: number): string =>
    `l${at}: &l${at} [${
      at === 0
        ? 'x'
        : Array(9)
            .fill(`*l${at - 1}`)
            .join(', ')
    }]`;
  return Array.from({ length: lines }, (_, at) => line(at)).join('\n');
}
