// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { NO_POLICY, type PolicyDocument, rulingsOf } from '../../../src/core/policy-document.js';
import type { DevicePolicyName, NodePolicyName } from '../../../src/core/request.js';
import { ROOT } from '../../architecture/tree.js';

const pod = (namespace: string, labels: Record<string, string> = {}) => ({
  namespace,
  labels: new Map(Object.entries(labels)),
});

const DOCUMENT: PolicyDocument = {
  version: 1,
  defaults: { device: ['mutex', 'binpack'] },
  rules: [
    { match: { labels: { tier: 'batch', team: 'a' } }, node: { binpack: 2, topology: 1 } },
    { match: { namespaces: ['serving', 'ml-*'] }, node: ['spread', 'topology'] },
    { match: { namespaces: ['ml-*'], labels: { tier: 'batch' } }, node: 'binpack', device: 'spread' },
  ],
};
const rulingFor = rulingsOf(DOCUMENT, DEFAULT_RULES);

describe('the policy document', () => {
  it.each([
    ['nothing matches', pod('other'), 'options', 'defaults'],
    ['one label of two is not enough', pod('other', { tier: 'batch' }), 'options', 'defaults'],
    ['all labels match', pod('other', { tier: 'batch', team: 'a', more: 'x' }), 'rules[0]', 'defaults'],
    ['a namespace matches by name', pod('serving'), 'rules[1]', 'defaults'],
    ['a namespace matches by pattern', pod('ml-train'), 'rules[1]', 'defaults'],
    ['field by field the first that says it', pod('ml-train', { tier: 'batch' }), 'rules[1]', 'rules[2]'],
    ['the first wins', pod('serving', { tier: 'batch', team: 'a' }), 'rules[0]', 'defaults'],
    ['namespace and labels must both match', pod('serving', { tier: 'batch' }), 'rules[1]', 'defaults'],
  ])('%s', (_, of, node, device) => expect(rulingFor(of)).toMatchObject({ node, device }));

  it('means steps by a list, one step by weights, and what the program was started with by silence', () => {
    const policies = (of: ReturnType<typeof pod>) => {
      const { nodePolicy, devicePolicy } = rulingFor(of).rules;
      return [nodePolicy, devicePolicy];
    };
    const weighed = [
      { name: 'binpack', weight: 2 },
      { name: 'topology', weight: 1 },
    ];
    expect(policies(pod('x', { tier: 'batch', team: 'a' }))).toEqual([[weighed], ['mutex', 'binpack']]);
    const steps = [[{ name: 'spread', weight: 1 }], [{ name: 'topology', weight: 1 }]];
    expect(policies(pod('ml-x', { tier: 'batch' }))).toEqual([steps, ['spread']]);
    expect(policies(pod('x'))).toEqual([DEFAULT_RULES.nodePolicy, ['mutex', 'binpack']]);
  });

  it('answers equal rulings by one object, for whoever remembers by it', () => {
    expect(rulingFor(pod('a'))).toBe(rulingFor(pod('b')));
    expect(rulingFor(pod('a'))).not.toBe(rulingFor(pod('serving')));
  });

  it('is silent where there is none', () => {
    const { rules, node, device } = rulingsOf(NO_POLICY, DEFAULT_RULES)(pod('a'));
    expect({ rules, node, device }).toEqual({ rules: DEFAULT_RULES, node: 'options', device: 'options' });
  });

  it('has in its schema the very names that requests may carry', () => {
    const text = readFileSync(join(ROOT, 'scheduler-config', 'policy.schema.json'), 'utf8');
    const { definitions } = JSON.parse(text) as { definitions: Record<string, { enum: string[] }> };
    const node: Record<NodePolicyName, 0> = { binpack: 0, spread: 0, fragmentation: 0, topology: 0 };
    const device: Record<DevicePolicyName, 0> = { ...node, numa: 0, priority: 0, mutex: 0, exclusive: 0 };
    expect(definitions.nodeName?.enum).toEqual(Object.keys(node));
    expect(definitions.deviceName?.enum).toEqual(Object.keys(device));
  });
});
