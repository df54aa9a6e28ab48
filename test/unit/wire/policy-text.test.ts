// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../../../src/core/policies.js';
import type { NodePolicy, NodePolicyName } from '../../../src/core/request.js';
import {
  contradictionIn,
  devicePolicyText,
  nodePolicyText,
  readDevicePolicy,
  readNodePolicy,
} from '../../../src/wire/policy-text.js';

/** `binpack*2 topology*1, spread*1` for short. */
const steps = (policy: NodePolicy): string =>
  policy.map((step) => step.map(({ name, weight }) => `${name}*${weight}`).join(' ')).join(', ');

describe('a node policy', () => {
  it.each([
    ['binpack', 'binpack*1'],
    [' spread ', 'spread*1'],
    ['topology, spread', 'topology*1, spread*1'],
    ['binpack=2,topology=1', 'binpack*2 topology*1'],
    ['binpack = 0.5 , topology = 1.25', 'binpack*0.5 topology*1.25'],
    ['binpack=2', 'binpack*1'],
    ['binpack=2+topology,fragmentation', 'binpack*2 topology*1, fragmentation*1'],
    ['fragmentation,binpack+topology=3', 'fragmentation*1, binpack*1 topology*3'],
  ])('written %j is %s', (text, want) => {
    const read = readNodePolicy(text);
    expect(read.ok ? steps(read.value) : read.error).toBe(want);
  });

  const NAMES = `want one of ${NODE_POLICY_NAMES.join(', ')}, or several with commas between, the first counts most; or weights above 0, as in binpack=2,topology=1`;
  it.each([
    ['', NAMES],
    ['best', NAMES],
    ['Binpack', NAMES],
    ['binpack,', NAMES],
    ['binpack;topology', NAMES],
    ['mutex', NAMES],
    ['numa,binpack', NAMES],
    ['topology-aware', NAMES],
    ['constructor', NAMES],
    ['binpack=0,topology=1', NAMES],
    ['binpack=-1,topology=1', NAMES],
    ['binpack=1e9,topology=1', NAMES],
    ['binpack=1234567,topology=1', NAMES],
    ['binpack=,topology=1', NAMES],
    [`binpack${' '.repeat(256)}`, NAMES],
    ['binpack=2,topology', 'want a weight for each name or for none, as in binpack=2,topology=1'],
    ['topology,binpack,topology', 'want each policy once, and topology stands twice'],
    ['topology=1,topology=2', 'want each policy once, and topology stands twice'],
    ['binpack,topology,spread', 'want binpack or spread, since they contradict each other'],
    ['spread=1,binpack=2', 'want binpack or spread, since they contradict each other'],
  ])('written %j is refused: %s', (text, want) =>
    expect(readNodePolicy(text)).toEqual({ ok: false, error: want }),
  );

  it('is read back as it was written', () => {
    const names = fc.shuffledSubarray(['binpack', 'fragmentation', 'topology'] as NodePolicyName[], {
      minLength: 1,
    });
    const weights = fc.array(fc.integer({ min: 1, max: 999 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(names, weights, fc.boolean(), fc.nat(2), (chosen, [a = 1, b = 1, c = 1], isSum, cut) => {
        const weighed = chosen.map((name, at) => ({ name, weight: [a, b, c][at] ?? 1 }));
        const split = isSum ? [weighed] : [weighed.slice(0, cut), weighed.slice(cut)];
        const policy = split
          .filter((step) => step.length > 0)
          .map((step) => (step.length === 1 ? step.map(({ name }) => ({ name, weight: 1 })) : step));
        expect(readNodePolicy(nodePolicyText(policy))).toEqual({ ok: true, value: policy });
      }),
    );
  });

  it('of one sum is written as people write it', () => {
    const [a, b] = [
      { name: 'binpack', weight: 2 },
      { name: 'topology', weight: 1 },
    ] as const;
    expect(nodePolicyText([[a, b]])).toBe('binpack=2,topology=1');
    expect(nodePolicyText([[a, b], [{ name: 'fragmentation', weight: 1 }]])).toBe(
      'binpack=2+topology,fragmentation',
    );
  });
});

describe('a device policy', () => {
  it.each(DEVICE_POLICY_NAMES.map((name) => [name]))('may be %s', (name) => {
    expect(readDevicePolicy(` ${name} `)).toEqual({ ok: true, value: [name] });
  });

  it('may be a list, in order', () => {
    const read = readDevicePolicy('mutex, binpack,numa');
    expect(read).toEqual({ ok: true, value: ['mutex', 'binpack', 'numa'] });
    expect(read.ok && devicePolicyText(read.value)).toBe('mutex,binpack,numa');
  });

  const NAMES = `want one of ${DEVICE_POLICY_NAMES.join(', ')}, or several with commas between, the first counts most`;
  it.each([
    ['', NAMES],
    ['cheap', NAMES],
    ['mutex,,numa', NAMES],
    ['mutex numa', NAMES],
    ['numa=2', NAMES],
    ['topology-aware', NAMES],
    ['__proto__', NAMES],
    [`numa,${' '.repeat(256)}binpack`, NAMES],
    ['numa,numa', 'want each policy once, and numa stands twice'],
    ['exclusive,numa,mutex', 'want mutex or exclusive, since they contradict each other'],
    ['spread,binpack', 'want binpack or spread, since they contradict each other'],
  ])('written %j is refused: %s', (text, want) =>
    expect(readDevicePolicy(text)).toEqual({ ok: false, error: want }),
  );
});

it('names that go together contradict nothing', () => {
  expect(contradictionIn([])).toBeNull();
  expect(contradictionIn(['mutex', 'spread', 'numa', 'topology'])).toBeNull();
});
