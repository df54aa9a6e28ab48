// SPDX-License-Identifier: Apache-2.0
// A pod of each vendor as its user writes it, as admission leaves it, and where it comes to lie: golden files.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { admit } from '../../src/admission/admit.js';
import { place } from '../../src/core/place.js';
import { DEFAULT_RULES } from '../../src/core/policies.js';
import { NOTHING_HELD, viewOf } from '../../src/core/view.js';
import { VENDORS } from '../../src/vendors/index.js';
import type { PodObject } from '../../src/wire/admission.js';
import { readNodeFacts } from '../../src/wire/node-view.js';
import { encodePlacement } from '../../src/wire/placement.js';
import { readPodRequest } from '../../src/wire/pod.js';
import { readAmount } from '../../src/wire/pod-resources.js';
import { admissionContext, podAsking } from '../builders/admission.js';

interface Golden {
  readonly pod: PodObject;
  readonly node: unknown;
  readonly admitted: PodObject['spec']['containers'];
  readonly placement: string;
}

const golden = (name: string): Golden =>
  parse(readFileSync(new URL(`golden/vendor-${name}.yaml`, import.meta.url), 'utf8')) as Golden;

describe.each(VENDORS.map(({ name }) => name))('a pod of %s', (name) => {
  const { pod, node, admitted, placement } = golden(name);

  it('is admitted as in the golden file, and again unchanged', () => {
    const answer = admit(pod, admissionContext());
    if (answer.kind !== 'admitted') throw new Error(JSON.stringify(answer));
    expect(answer.pod.spec.containers).toEqual(admitted);
    expect(admit(answer.pod, admissionContext())).toMatchObject({ kind: 'admitted', pod: answer.pod });
  });

  it('is placed as in the golden file', () => {
    const request = readPodRequest(pod, VENDORS);
    if (!request.ok) throw new Error(request.error.want);
    const placed = place(
      request.value,
      viewOf(readNodeFacts(node, VENDORS), NOTHING_HELD, { revision: 1, ordinal: 0 }),
      DEFAULT_RULES,
    );
    expect(placed.ok && encodePlacement(placed.value)).toBe(placement);
  });
});

describe('a vendor that counts memory in units of 256 MiB', () => {
  const [row] = VENDORS;
  if (row === undefined) throw new Error('bug: there is no vendor');
  const vendor = { ...row, memoryUnitMiB: 256 };
  const name = vendor.resources.memory[0] ?? '';
  const read = (amount: string): unknown => {
    const container = { name: 'a', resources: { limits: { [name]: amount } } };
    const answer = readAmount({ container, kind: 'app', path: 'spec.containers[0]' }, vendor);
    return answer.ok ? answer.value?.memory : answer.error.want;
  };

  it.each([
    ['12', 3072],
    ['3Gi', 3072],
    ['3073Mi', 3328],
    ['1', 256],
  ])('reads %s as %i MiB', (amount, memory) => {
    expect(read(amount)).toBe(memory);
  });

  it('has its pods written back in that unit, once and for all', () => {
    const context = admissionContext({ vendors: [vendor] });
    const answer = admit(podAsking([{ name: 'a', resources: { limits: { [name]: '3073Mi' } } }]), context);
    if (answer.kind !== 'admitted') throw new Error(JSON.stringify(answer));
    expect(answer.pod.spec.containers[0]?.resources?.limits?.[name]).toBe('13');
    expect(admit(answer.pod, context)).toMatchObject({ pod: answer.pod });
  });
});
