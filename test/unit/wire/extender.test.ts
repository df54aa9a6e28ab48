// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { score } from '../../../src/core/units.js';
import {
  decodeArgs,
  decodeBindArgs,
  encodeBind,
  encodeFilter,
  encodeFilterError,
  encodeScores,
} from '../../../src/wire/extender.js';

describe('what kube-scheduler sends to filter and prioritize', () => {
  it('is a pod and names', () => {
    // As Go writes it: nil pointers are null, both lists are always there.
    const text = '{"Pod":{"metadata":{"name":"p"}},"Nodes":null,"NodeNames":["a","b"]}';
    expect(decodeArgs(text)).toEqual({
      ok: true,
      value: { pod: { metadata: { name: 'p' } }, nodeNames: ['a', 'b'] },
    });
  });

  it.each([
    ['nothing', '', 'the body is not a JSON object with Pod and NodeNames'],
    ['half a body', '{"Pod":{', 'the body is not a JSON object with Pod and NodeNames'],
    ['a list', '[]', 'the body is not a JSON object with Pod and NodeNames'],
    ['no pod', '{"NodeNames":[]}', 'Pod is not an object'],
    ['a pod that is text', '{"Pod":"p","NodeNames":[]}', 'Pod is not an object'],
    [
      'full nodes',
      '{"Pod":{},"Nodes":{"items":[]},"NodeNames":null}',
      'NodeNames is missing: the extender needs nodeCacheCapable: true',
    ],
    ['names that are none', '{"Pod":{},"NodeNames":[1]}', 'NodeNames is not a list of texts'],
  ])('is refused in one sentence when it is %s', (_title, text, sentence) => {
    expect(decodeArgs(text)).toEqual({ ok: false, error: sentence });
  });
});

describe('what kube-scheduler sends to bind', () => {
  const body = { PodName: 'p', PodNamespace: 'ns', PodUID: 'u', Node: 'n' };

  it('names pod, UID and node', () => {
    expect(decodeBindArgs(JSON.stringify(body))).toEqual({
      ok: true,
      value: { uid: 'u', namespace: 'ns', name: 'p', node: 'n' },
    });
  });

  it.each(Object.keys(body))('is refused without %s', (field) => {
    const sentence = `${field} is missing or not a text`;
    expect(decodeBindArgs(JSON.stringify({ ...body, [field]: '' }))).toEqual({ ok: false, error: sentence });
    expect(decodeBindArgs(JSON.stringify({ ...body, [field]: 7 }))).toEqual({ ok: false, error: sentence });
  });

  it('is refused when it is no object', () => {
    expect(decodeBindArgs('null').ok).toBe(false);
  });
});

describe('what kube-scheduler hears', () => {
  it('has Go’s field names', () => {
    const answer = { nodeNames: ['a'], curable: { b: 'x' }, incurable: { c: 'y' } };
    expect(JSON.parse(encodeFilter(answer))).toEqual({
      NodeNames: ['a'],
      FailedNodes: { b: 'x' },
      FailedAndUnresolvableNodes: { c: 'y' },
      Error: '',
    });
    expect(JSON.parse(encodeFilterError('no'))).toEqual({ Error: 'no' });
    expect(JSON.parse(encodeBind(''))).toEqual({ Error: '' });
    expect(JSON.parse(encodeScores([{ node: 'a', score: score(7.4) }]))).toEqual([{ Host: 'a', Score: 7 }]);
  });
});
