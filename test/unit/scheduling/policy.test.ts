// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import type { PolicyDocument } from '../../../src/core/policy-document.js';
import { err, ok } from '../../../src/core/result.js';
import { PolicyInForce, ruledBy } from '../../../src/scheduling/policy.js';
import { aRequest } from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';

const spread: PolicyDocument = { version: 1, defaults: { node: 'spread' } };
const team: PolicyDocument = {
  version: 1,
  rules: [{ match: { namespaces: ['default'] }, device: 'spread' }],
  overcommit: [{ nodes: {}, splits: 20 }],
};

let policy: PolicyInForce;
const says = () => ruledBy(aPodView(), policy);

beforeEach(() => {
  policy = new PolicyInForce(DEFAULT_RULES);
});

describe('the policy in force', () => {
  it('is what the program was started with until a document is seen', () => {
    expect(says()).toEqual({ node: 'options', device: 'options' });
    expect(policy.see(null)).toBeNull();
  });

  it('is the document from the moment it is seen', () => {
    expect(policy.see(ok(team))).toEqual({
      kind: 'PolicyApplied',
      sentence: 'in force for every pod placed from now on: 1 rule, 1 overcommit entry',
    });
    expect(says()).toEqual({ node: 'options', device: 'rules[0]' });
    expect(policy.source).toEqual({ defaults: DEFAULT_RULES, policy: team });
  });

  it('says nothing of a document that is the same', () => {
    policy.see(ok(spread));
    expect(policy.see(ok({ ...spread }))).toBeNull();
  });

  it('stays what it was when an edit is bad, which is told once', () => {
    policy.see(ok(spread));
    expect(policy.see(err(['line 2: a', 'line 3: b']))).toEqual({
      kind: 'PolicyRefused',
      sentence: 'what was in force stays in force: line 2: a; line 3: b',
    });
    expect(policy.see(err(['line 2: a', 'line 3: b']))).toBeNull();
    expect(policy.see(err(['line 2: a']))?.kind).toBe('PolicyRefused');
    expect({ isRefused: policy.isRefused, ...says() }).toEqual({
      ...{ isRefused: true, node: 'defaults', device: 'options' },
    });
  });

  it('tells that a mended document holds, also when it is the one before', () => {
    policy.see(ok(spread));
    policy.see(err(['line 1: x']));
    expect(policy.see(ok(spread))?.kind).toBe('PolicyApplied');
    expect(policy.isRefused).toBe(false);
  });

  it('is what the program was started with once the document is gone, good or bad', () => {
    policy.see(ok(spread));
    policy.see(err(['line 1: x']));
    expect(policy.see(null)?.kind).toBe('PolicyGone');
    expect(policy.see(null)).toBeNull();
    expect({ isRefused: policy.isRefused, ...says() }).toEqual({
      ...{ isRefused: false, node: 'options', device: 'options' },
    });
  });

  it('stands behind what the pod says itself', () => {
    policy.see(ok(team));
    const pod = aPodView(aRequest(undefined, { devicePolicy: ['binpack'] }));
    expect(ruledBy(pod, policy)).toEqual({ node: 'options', device: 'pod' });
    expect(ruledBy(aPodView(aRequest(), { request: err('no') }), policy)).toBeNull();
  });
});
