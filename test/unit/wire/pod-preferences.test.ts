// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { statesPreferences } from '../../../src/wire/pod-preferences.js';

const preferred = (list: unknown) => ({ preferredDuringSchedulingIgnoredDuringExecution: list });
const some = preferred([{ weight: 1 }]);
const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{}] } };

describe('a pod', () => {
  it.each([
    ['prefers nodes', { affinity: { nodeAffinity: some } }],
    ['prefers company', { affinity: { podAffinity: some } }],
    ['prefers distance', { affinity: { podAntiAffinity: some } }],
    ['would rather be spread', { topologySpreadConstraints: [{ whenUnsatisfiable: 'ScheduleAnyway' }] }],
  ])('states preferences where it %s', (_what, spec) => {
    expect(statesPreferences({ spec })).toBe(true);
  });

  it.each([
    ['says nothing', {}],
    ['only requires', { affinity: { nodeAffinity: required, podAffinity: required } }],
    ['prefers an empty list', { affinity: { nodeAffinity: preferred([]) } }],
    ['must be spread', { topologySpreadConstraints: [{ whenUnsatisfiable: 'DoNotSchedule' }] }],
  ])('states none where it %s', (_what, spec) => {
    expect(statesPreferences({ spec })).toBe(false);
  });

  it('of any shape is answered', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('spec', 'x'), fc.anything()), (raw) => {
        expect(typeof statesPreferences(raw)).toBe('boolean');
      }),
    );
  });
});
