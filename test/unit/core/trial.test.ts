// SPDX-License-Identifier: Apache-2.0
// The quick answer is place's answer, whichever nodes were looked at before on the same rows.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DeviceState, NodeView } from '../../../src/core/node.js';
import { canPlace, place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { PodRequest } from '../../../src/core/request.js';
import { anyRequest as request, someNodes as nodes } from '../../builders/random.js';

it('canPlace says of every node what place says', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      const prepared = preparePod(asked, DEFAULT_RULES);
      for (const view of views) expect(canPlace(prepared, view)).toBe(place(asked, view, DEFAULT_RULES).ok);
    }),
    { numRuns: 1500 },
  );
});

/** Every slice given, with the device as it was before. */
function given(asked: PodRequest, view: NodeView) {
  const answer = place(asked, view, DEFAULT_RULES);
  const states = [...view.vendors.values()].flatMap(({ devices }) => devices);
  return (answer.ok ? answer.value.containers : []).map(({ name, slices }) => ({
    kind: asked.containers.find((container) => container.name === name)?.kind,
    slices: slices.map((slice) => {
      const state = states.find(({ device: { id } }) => id === slice.deviceId) as DeviceState;
      return { slice, state };
    }),
  }));
}

it('what a policy demands of neighbours holds, whatever else stands in the list', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      const policy = asked.devicePolicy ?? [];
      const isAlone = policy.includes('mutex') || policy.includes('exclusive');
      for (const row of views.flatMap((view) => given(asked, view)))
        for (const { slice, state } of row.slices) {
          expect(slice.isAlone).toBe(isAlone);
          expect(state.hold.isExclusive || (isAlone && state.hold.slices > 0)).toBe(false);
        }
    }),
    { numRuns: 1000 },
  );
});

it('exclusive slices of one pod are never on one device at one time', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      const lonely = { ...asked, devicePolicy: ['exclusive', 'binpack'] as const };
      for (const view of views) {
        const rows = given(lonely, view).filter(({ kind }) => kind !== 'init');
        const ids = rows.flatMap(({ slices }) => slices.map(({ slice }) => slice.deviceId));
        expect(new Set(ids).size).toBe(ids.length);
      }
    }),
    { numRuns: 1000 },
  );
});

it('NUMA required gives each container one NUMA node of each vendor', () => {
  fc.assert(
    fc.property(nodes, request, (views, asked) => {
      for (const row of views.flatMap((view) => given({ ...asked, numa: 'required' }, view)))
        for (const vendor of ['a', 'b']) {
          const own = row.slices.filter(({ state }) => state.device.vendor === vendor);
          const numas = new Set(own.map(({ state }) => state.device.numa));
          if (own.length > 1) expect([numas.size, numas.has(null)]).toEqual([1, false]);
        }
    }),
    { numRuns: 1000 },
  );
});
