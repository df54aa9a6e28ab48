// SPDX-License-Identifier: Apache-2.0
// What explain says would make a pod fit is done to its manifest, as its author would do it, and filter is asked
// again: it fits; and with a little less of a change it does not.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { place } from '../../../src/core/place.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { explain } from '../../../src/scheduling/explain.js';
import { filter } from '../../../src/scheduling/filter.js';
import { DEFAULT_VENDORS } from '../../../src/vendors/index.js';
import { type PodView, readPodView } from '../../../src/wire/pod-view.js';
import { aDevice, anAssumption, aRequest, aWish, someFacts } from '../../builders/core.js';

interface Limits {
  readonly gpu: number;
  readonly mem?: number;
  readonly percent?: number;
  readonly cores?: number;
}

interface Manifest {
  readonly containers: readonly Limits[];
  readonly annotations: Readonly<Record<string, string>>;
}

const limits: fc.Arbitrary<Limits> = fc.oneof(
  fc.record(
    {
      gpu: fc.integer({ min: 1, max: 3 }),
      mem: fc.integer({ min: 1, max: 60_000 }),
      cores: fc.integer({ min: 0, max: 100 }),
    },
    { requiredKeys: ['gpu', 'mem'] },
  ),
  fc.record({ gpu: fc.constantFrom(1, 2), percent: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ gpu: fc.constantFrom(1, 2) }),
);
const manifest: fc.Arbitrary<Manifest> = fc.record({
  containers: fc.array(limits, { minLength: 1, maxLength: 2 }),
  annotations: fc.constantFrom<Record<string, string>>(
    {},
    {},
    { 'kerf.dev/device-type': 'H200' },
    { 'kerf.dev/device-type-not': 'A100', 'kerf.dev/device-uuid-not': 'GPU-9' },
    { 'kerf.dev/device-policy': 'mutex' },
    { 'kerf.dev/numa': 'required' },
  ),
});
const crowd = fc.array(
  fc
    .record({ memory: fc.integer({ min: 1, max: 40_000 }), cores: fc.integer({ min: 0, max: 90 }) })
    .map(({ memory, cores }) => aWish({ memory, cores: cores * 10 })),
  { maxLength: 10 },
);

function aPod({ containers, annotations }: Manifest): PodView {
  const rows = containers.map(({ gpu, mem, percent, cores }, at) => {
    const amounts = { gpu, 'gpu-mem': mem, 'gpu-mem-percentage': percent, 'gpu-cores': cores };
    const said = Object.entries(amounts).filter(([, amount]) => amount !== undefined);
    const all = Object.fromEntries(said.map(([name, amount]) => [`nvidia.com/${name}`, String(amount)]));
    return { name: `c${at}`, resources: { limits: all } };
  });
  const metadata = { uid: 'u', namespace: 'd', name: 'p', annotations };
  return readPodView({ metadata, spec: { containers: rows } }, DEFAULT_VENDORS);
}

function aCluster(wishes: readonly ReturnType<typeof aWish>[], without = ''): Ledger {
  const full = new Ledger();
  const numa = [0, 1, 0].map((each, index) => aDevice({ id: `GPU-${index}`, index, numa: each }));
  full.setNode(someFacts({ name: 'n1', devices: numa }));
  const one = aDevice({ id: 'GPU-9', model: 'H200', splits: 3, numa: 0 });
  full.setNode(someFacts({ name: 'n2', slotCount: 4, devices: [one] }));
  for (const [at, wish] of wishes.entries()) {
    const node = [...full.allNodes()].find((view) => place(aRequest(wish), view, DEFAULT_RULES).ok);
    const placed = node === undefined ? null : place(aRequest(wish), node, DEFAULT_RULES);
    const about = { uid: `u${at}`, pod: `d/p${at}`, node: node?.name ?? '' };
    if (placed?.ok) full.assume(anAssumption(aRequest(wish), placed.value, about));
  }
  for (const { uid, pod } of full.allHoldings()) if (pod === without) full.release(uid);
  return full;
}

function fits(pod: PodView, snapshot: Ledger): boolean {
  return filter(pod.request, ['n1', 'n2'], { snapshot, defaults: DEFAULT_RULES }).answer.nodeNames.length > 0;
}

type Edit = (pod: Manifest, found: RegExpExecArray, more: number) => Manifest;

const eachOf = (pod: Manifest, change: (one: Limits) => Limits): Manifest => ({
  ...pod,
  containers: pod.containers.map(change),
});

function withMemory(one: Limits, most: number): Limits {
  const isWhole = one.percent === undefined || one.percent === 100;
  if (one.mem === undefined && isWhole) return { gpu: one.gpu, mem: most };
  return one.mem === undefined ? one : { ...one, mem: Math.min(one.mem, most) };
}

const withCores = (one: Limits, most: number): Limits =>
  one.cores === undefined ? one : { ...one, cores: Math.min(one.cores, most) };

const EDITS: readonly (readonly [RegExp, Edit])[] = [
  [
    /memory ≤ (\d+) (MiB|GiB) a device/,
    (pod, [, most, unit], more) =>
      eachOf(pod, (one) => withMemory(one, Number(most) * (unit === 'GiB' ? 1024 : 1) + more)),
  ],
  [
    /memory ≤ (\d+) % of a device/,
    (pod, [, most], more) =>
      eachOf(pod, (one) =>
        one.percent === undefined ? one : { ...one, percent: Math.min(one.percent, Number(most) + more) },
      ),
  ],
  [
    /^with cores ≤ (\d+) %/,
    (pod, [, most], more) => eachOf(pod, (one) => withCores(one, Number(most) + more)),
  ],
  [/and cores ≤ (\d+) %/, (pod, [, most]) => eachOf(pod, (one) => withCores(one, Number(most)))],
  [/^with best-effort compute/, (pod, _found, more) => eachOf(pod, (one) => withCores(one, more))],
  [/and best-effort compute/, (pod) => eachOf(pod, (one) => withCores(one, 0))],
  [
    /with (\d+) devices? a container/,
    (pod, [, most], more) => eachOf(pod, (one) => ({ ...one, gpu: Math.min(one.gpu, Number(most) + more) })),
  ],
  [
    /^without (.*)$/,
    (pod, [, keys = '']) => ({
      ...pod,
      annotations: Object.fromEntries(
        Object.entries(pod.annotations).filter(([key]) => !keys.split(', ').includes(key)),
      ),
    }),
  ],
  [
    /with (kerf\.dev\/[a-z-]+): (.*)$/,
    (pod, [, key = '', value = '']) => ({ ...pod, annotations: { ...pod.annotations, [key]: value } }),
  ],
];

/** What the sentence says, done by hand; `more` of an amount is one too much. */
function obey(pod: Manifest, text: string, more = 0): Manifest {
  let changed = pod;
  for (const [pattern, edit] of EDITS) {
    const found = pattern.exec(text);
    if (found !== null) changed = edit(changed, found, more);
  }
  return changed;
}

const AMOUNTS = ['memory', 'cores', 'devices'];

it('every change that explain names makes the pod fit, and one step less of it does not', () => {
  let told = 0;
  fc.assert(
    fc.property(manifest, crowd, (pod, wishes) => {
      const full = aCluster(wishes);
      const scene = { snapshot: full, defaults: DEFAULT_RULES, holdings: () => full.allHoldings() };
      const { changes = [], text } = explain(aPod(pod), undefined, scene);
      expect(text === 'no node can hold it').toBe(!fits(aPod(pod), full));
      for (const change of changes) {
        told += 1;
        const cluster = change.kind === 'end' ? aCluster(wishes, change.by) : full;
        expect([change.text, fits(aPod(obey(pod, change.text)), cluster)]).toEqual([change.text, true]);
        // Containers of one pod are served one after another: with more of an amount, in another order.
        if (!AMOUNTS.includes(change.kind) || pod.containers.length > 1) continue;
        const less = obey(pod, change.text, 1);
        expect([change.text, fits(aPod(less), full)]).toEqual([change.text, false]);
      }
    }),
    { numRuns: 200 },
  );
  expect(told).toBeGreaterThan(30);
});
