// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { parseGpus, parseLabels, shapeOf, UsageError } from './options.js';

describe('fake GPUs of nodes are read from one text', () => {
  const rows: [string, ReturnType<typeof parseGpus>][] = [
    ['n1=A100-40G', { n1: [{ model: 'A100-40G', count: 1 }] }],
    [
      'n1=A100-40G*2,n2=H200-141G*1',
      { n1: [{ model: 'A100-40G', count: 2 }], n2: [{ model: 'H200-141G', count: 1 }] },
    ],
    [
      'n1=A100-40G*2+T4-16G',
      {
        n1: [
          { model: 'A100-40G', count: 2 },
          { model: 'T4-16G', count: 1 },
        ],
      },
    ],
  ];
  test.each(rows)('%s', (text, want) => expect(parseGpus(text)).toEqual(want));
  test.each(['', 'A100', 'n1=', 'n1=A100*0', 'n1=A100*x', 'x1=A100'])('%j is refused', (text) => {
    expect(() => parseGpus(text)).toThrow(UsageError);
  });
});

test('an unknown model is refused, and the known ones are listed', () =>
  expect(() => parseGpus('n1=FOO*2')).toThrow(/'FOO' is not known: A100-40G, .*T4-16G are/));

describe('labels of nodes are read from node:key=value', () => {
  test('several for one node', () =>
    expect(parseLabels(['n1:gpu=on', 'n1:zone=a=b', 'n2:x='])).toEqual({
      n1: { gpu: 'on', zone: 'a=b' },
      n2: { x: '' },
    }));
  test.each(['gpu=on', 'n1:gpu', 'n1:=on'])('%s is refused', (text) => {
    expect(() => parseLabels([text])).toThrow(UsageError);
  });
});

describe('wishes become a shape', () => {
  test('one node with everything unless told otherwise', () =>
    expect(shapeOf({}, true)).toMatchObject({
      name: 'default',
      nodes: 1,
      controllers: true,
      scheduler: true,
    }));
  test('no nodes and no scheduler for an API server alone', () =>
    expect(shapeOf({ apiOnly: true, nodes: 3 }, false)).toMatchObject({
      nodes: 0,
      scheduler: false,
      isolated: false,
    }));

  const wrong: [string, Parameters<typeof shapeOf>[0], RegExp][] = [
    ['a name with a slash', { name: 'a/b' }, /name 'a\/b' is not usable/],
    ['a name too long for sockets', { name: 'a'.repeat(21) }, /1 to 20/],
    ['no node at all', { nodes: 0 }, /from 1 to 9/],
    ['half a node', { nodes: 1.5 }, /nodes '1.5'/],
    ['GPUs for an absent node', { gpus: { n2: [] } }, /node 'n2' is not in this cluster: it has n1/],
    ['a node of an API server alone', { apiOnly: true, cdiOff: ['n1'] }, /it has no nodes/],
  ];
  test.each(wrong)('%s is refused', (_title, options, message) => {
    expect(() => shapeOf(options, true)).toThrow(message);
  });
  test('nodes without the right to make namespaces are refused', () => {
    expect(() => shapeOf({}, false)).toThrow(/needs root/);
  });
});
