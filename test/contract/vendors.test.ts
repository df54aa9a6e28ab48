// SPDX-License-Identifier: Apache-2.0
// What every vendor's row must keep to. A vendor that has to deviate says so here, with the reason.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { admit } from '../../src/admission/admit.js';
import { hasProbe } from '../../src/adapters/probes/open.js';
import { VENDORS, vendorNamed } from '../../src/vendors/index.js';
import type { Template } from '../../src/vendors/vendor.js';
import { POD_ANNOTATIONS } from '../../src/wire/names.js';
import { readPodRequest, slotsOf } from '../../src/wire/pod.js';
import { resourceNamesOf } from '../../src/wire/pod-resources.js';
import { admissionContext, podAsking } from '../builders/admission.js';

/** What Kubernetes takes as an extended resource: a domain that is not its own, a slash, a name. */
const RESOURCE =
  /^(?!([a-z0-9.-]+\.)?kubernetes\.io\/)([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z0-9-]+\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const CDI_KIND = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const chart = parse(readFileSync(new URL('../../charts/kerf/values.yaml', import.meta.url), 'utf8')) as {
  readonly vendors: Readonly<Record<string, unknown>>;
};

describe.each(VENDORS.map((vendor) => [vendor.name, vendor] as const))('the row of %s', (name, vendor) => {
  const { resources } = vendor;

  it('is found by its name, which fits into an annotation and a metric', () => {
    expect(vendorNamed(name)).toBe(vendor);
    expect(name).toMatch(/^[a-z][a-z0-9-]{0,30}$/);
    expect(vendor.title).not.toBe('');
  });

  it.each(resourceNamesOf(vendor))('%s may be an extended resource', (resource) => {
    expect(resource).toMatch(RESOURCE);
    expect(`requests.${resource}`.length).toBeLessThanOrEqual(253);
  });

  it('names each resource once, and none of another vendor', () => {
    const all = VENDORS.flatMap(resourceNamesOf);
    expect(new Set(all).size).toBe(all.length);
  });

  it('has synonyms only for annotations that Kerf reads', () => {
    for (const ours of Object.values(vendor.annotations)) expect(POD_ANNOTATIONS).toContain(ours);
  });

  it('names its CDI kind, its env and its device nodes', () => {
    expect(vendor.cdiKind).toMatch(CDI_KIND);
    expect(vendor.visibleDevicesEnv).toMatch(/^[A-Z][A-Z0-9_]+$/);
    for (const node of [vendor.deviceNodes.each, ...vendor.deviceNodes.common])
      expect(node).toMatch(/^\/dev\//);
  });

  it('says in the chart what it says here', () => {
    expect(chart.vendors[name]).toEqual({ enabled: vendor.isOnByDefault, ...resources });
  });

  it('writes plain memory in a unit that bytes can be told from', () => {
    expect(vendor.memoryUnitMiB).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(vendor.memoryUnitMiB)).toBe(true);
  });

  it.each([['', vendor.cuts] as const, ...Object.entries(vendor.modes)])(
    'cuts models in sizes or units that can be counted (%s)',
    (_mode, rule) => {
      const models: Readonly<Record<string, number | readonly Template[]>> =
        rule.kind === 'any' ? {} : rule.models;
      const rows = Object.entries(models);
      expect(new Set(rows.map(([model]) => model.toLowerCase())).size).toBe(rows.length);
      for (const [, cuts] of rows) {
        if (typeof cuts === 'number') expect(cuts >= 1 && cuts <= 1000 && Number.isInteger(cuts)).toBe(true);
        else expect(cuts.map(whatIsWrong).filter((flaw) => flaw !== null)).toEqual([]);
      }
    },
  );

  it('has a probe where our agent serves it, and only there', () => {
    expect(hasProbe(vendor.name)).toBe(vendor.hasAgent);
  });

  it.each([
    ['a whole device', { [resources.count]: '1' }],
    ['memory', { [resources.memory[0] ?? '']: '1024' }],
    ['a share', { [resources.memoryPercentage[0] ?? '']: '50' }],
    ['memory and cores', { [resources.memory[0] ?? '']: '1024', [resources.cores[0] ?? '']: '10' }],
  ])('is asked for %s, admitted, and counted in slots of one name', (_what, limits) => {
    const answer = admit(podAsking([{ name: 'a', resources: { limits } }]), admissionContext());
    if (answer.kind !== 'admitted') throw new Error(JSON.stringify(answer));
    const request = readPodRequest(answer.pod, VENDORS);
    expect(request.ok && slotsOf(request.value, VENDORS)).toEqual([
      { container: 'a', kind: 'app', resource: resources.count, count: 1 },
    ]);
  });

  it('has its env refused on a container that asks', () => {
    const env = [{ name: vendor.visibleDevicesEnv, value: 'all' }];
    const pod = podAsking([{ name: 'a', env, resources: { limits: { [resources.count]: '1' } } }]);
    expect(admit(pod, admissionContext()).kind).toBe('refused');
  });
});

function whatIsWrong({ name, memoryMiB, milliCores }: Template): string | null {
  const isCounted = [memoryMiB, milliCores].every((amount) => Number.isInteger(amount) && amount > 0);
  return isCounted && milliCores <= 1000 && name !== '' ? null : name;
}

it('the chart has a row for every vendor, and no other', () => {
  expect(Object.keys(chart.vendors).toSorted()).toEqual(VENDORS.map(({ name }) => name).toSorted());
});
