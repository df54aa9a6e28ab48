// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MILDEST, nodeRulingsOf } from '../../../src/core/node-rules.js';
import { NO_POLICY } from '../../../src/core/policy-document.js';

const rulingFor = nodeRulingsOf({
  version: 1,
  node: [
    { match: { namespaces: ['ml-*'] }, onEscape: 'kill' },
    { match: { namespaces: ['ml-train', 'dev'] }, onEscape: 'throttle', compute: 'soft' },
    { lendMemory: true },
  ],
});

describe('rows for running pods', () => {
  it.each([
    ['a row without match is for all', 'other', { ...MILDEST, lendMemory: true }],
    ['a namespace matches by name', 'dev', { onEscape: 'throttle', compute: 'soft', lendMemory: true }],
    ['a namespace matches by pattern', 'ml-x', { onEscape: 'kill', compute: 'hard', lendMemory: true }],
    ['field by field the first', 'ml-train', { onEscape: 'kill', compute: 'soft', lendMemory: true }],
  ] as const)('%s', (_, namespace, ruling) => expect(rulingFor(namespace)).toEqual(ruling));

  it('silence is the mildest', () => {
    expect(nodeRulingsOf(NO_POLICY)('a')).toEqual({ onEscape: 'report', compute: 'hard', lendMemory: false });
  });
});
