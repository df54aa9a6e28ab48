// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VENDORS } from '../../../src/vendors/index.js';
import { readNodeFacts } from '../../../src/wire/node-view.js';
import { readPodView } from '../../../src/wire/pod-view.js';

const asks = { resources: { limits: { 'nvidia.com/gpu': '2', 'nvidia.com/gpu-mem': '4096' } } };
const plain = { resources: {} };

function raw(named: { metadata?: object; spec?: object; status?: object } = {}): object {
  return {
    metadata: { uid: 'u1', namespace: 'ns', name: 'p', resourceVersion: '7', ...named.metadata },
    spec: { containers: [{ name: 'main', ...asks }], schedulerName: 'kerf-scheduler', ...named.spec },
    status: { phase: 'Pending', ...named.status },
  };
}

const view = (named?: Parameters<typeof raw>[0]) => readPodView(raw(named), VENDORS);

describe('the view of a pod', () => {
  it('keeps what placing needs and nothing else', () => {
    expect(view({ metadata: { annotations: { 'kerf.dev/placement': '{}' }, managedFields: [1] } })).toEqual({
      uid: 'u1',
      namespace: 'ns',
      name: 'p',
      nodeName: '',
      labels: new Map(),
      schedulerName: 'kerf-scheduler',
      resourceVersion: '7',
      isOver: false,
      isTerminating: false,
      request: expect.objectContaining({ ok: true }),
      asksForDevices: true,
      containers: [{ name: 'main', kind: 'app' }],
      slots: new Map([['nvidia', 2]]),
      isInitOnlyUnstarted: false,
      placement: '{}',
      resize: null,
      hamiLetters: [],
      cpuMilli: 0,
      isOfNode: false,
    });
  });

  it('keeps labels while the pod waits, and none once it is bound', () => {
    const metadata = { labels: { tier: 'batch', odd: 7 } };
    expect(view({ metadata }).labels).toEqual(new Map([['tier', 'batch']]));
    expect(view({ metadata, spec: { nodeName: 'n1' } }).labels).toEqual(new Map());
  });

  it('of pods that ask for nothing shares its empty parts', () => {
    const [a, b] = [1, 2].map(() => view({ spec: { containers: [{ name: 'main', ...plain }] } }));
    expect(a?.asksForDevices).toBe(false);
    expect(a?.containers).toBe(b?.containers);
    expect(a?.slots).toBe(b?.slots);
  });

  it('lists containers in the kubelet’s order with their kinds', () => {
    const initContainers = [
      { name: 's', restartPolicy: 'Always', ...asks },
      { name: 'i', ...asks },
    ];
    expect(view({ spec: { initContainers } }).containers).toEqual([
      { name: 's', kind: 'sidecar' },
      { name: 'i', kind: 'init' },
      { name: 'main', kind: 'app' },
    ]);
  });

  it.each([
    ['Pending', false],
    ['Running', false],
    ['Unknown', false],
    ['Succeeded', true],
    ['Failed', true],
  ])('of a pod in phase %s says that it is over: %s', (phase, isOver) => {
    expect(view({ status: { phase } }).isOver).toBe(isOver);
  });

  it('tells a bound and a terminating pod', () => {
    const seen = view({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, spec: { nodeName: 'n1' } });
    expect(seen).toMatchObject({ nodeName: 'n1', isTerminating: true, asksForDevices: true });
  });

  it('has no wish that can be read where a container has no name: a placement could not name it', () => {
    expect(view({ spec: { containers: [{ name: 0, ...asks }] } }).request).toEqual({
      ok: false,
      error: 'spec.containers[0].name is "0": want a text',
    });
  });

  it('keeps the sentence of a wish that cannot be read', () => {
    const limits = { 'nvidia.com/gpu': '1.5' };
    const seen = view({ spec: { containers: [{ name: 'main', resources: { limits } }] } });
    expect(seen.request).toMatchObject({ ok: false, error: expect.stringContaining('"1.5"') });
    expect(seen.asksForDevices).toBe(true);
  });

  const flawed = (gpu: string) => ({
    containers: [
      { name: 'main', resources: { limits: { 'nvidia.com/gpu': gpu, 'nvidia.com/gpu-mem': 'x' } } },
    ],
  });
  it.each([
    ['an annotation', { metadata: { annotations: { 'kerf.dev/node-policy': 'x' } } }, 2],
    ['an amount', { spec: flawed('3') }, 3],
    ['the count itself', { spec: flawed('-1') }, undefined],
  ])('counts its slots as the kubelet does where %s cannot be read', (_what, named, slots) => {
    const seen = view(named);
    expect(seen.request.ok).toBe(false);
    expect(seen.slots.get('nvidia')).toBe(slots);
  });

  it('remembers a placement on a pod that asks for nothing', () => {
    const seen = view({
      metadata: { annotations: { 'kerf.dev/placement': 'x' } },
      spec: { containers: [{ name: 'main' }] },
    });
    expect(seen).toMatchObject({
      placement: 'x',
      asksForDevices: false,
      containers: [{ name: 'main', kind: 'app' }],
    });
  });
});

describe('a pod of init containers alone', () => {
  const spec = {
    initContainers: [
      { name: 'i', ...asks },
      { name: 'j', ...asks },
    ],
    containers: [{ name: 'main' }],
  };
  const statuses = (...states: object[]) => ({
    initContainerStatuses: states.map((each, index) => ({ name: 'ij'[index], ...each })),
  });
  const running = { state: { running: {} } };
  const done = { state: { terminated: { exitCode: 0 } } };
  const waiting = { state: { waiting: { reason: 'PodInitializing' } } };

  it.each([
    ['no status yet', {}, true],
    ['the first waits', statuses(waiting, waiting), true],
    ['the first runs', statuses(running, waiting), true],
    ['the last runs', statuses(done, running), false],
    ['both have ended', statuses(done, done), false],
    [
      'the last ran and waits to run again',
      statuses(done, { ...waiting, lastState: { terminated: {} } }),
      false,
    ],
  ])('has not started all of them: %s', (_title, status, want) => {
    expect(view({ spec, status }).isInitOnlyUnstarted).toBe(want);
    const annotations = { 'kerf.dev/node-policy': 'made unreadable meanwhile' };
    expect(view({ spec, status, metadata: { annotations } }).isInitOnlyUnstarted).toBe(want);
  });
});

describe('the facts of a node', () => {
  const inventory = JSON.stringify({
    v: 1,
    devices: [
      { id: 'GPU-0', index: 0, model: 'T4', memoryMiB: 15_360, corePercent: 100, splits: 10, healthy: true },
    ],
  });
  const node = (annotations: object, allocatable: object = { 'nvidia.com/gpu': '10', cpu: '4' }) =>
    readNodeFacts({ metadata: { name: 'n1', annotations }, status: { allocatable } }, VENDORS);

  it('are its devices, slots and cordon', () => {
    const facts = node({ 'kerf.dev/inventory-nvidia': inventory, 'kerf.dev/cordon': 'GPU-0, GPU-7' });
    expect(facts).toMatchObject({ name: 'n1', devices: [{ id: 'GPU-0', vendor: 'nvidia', memory: 15_360 }] });
    expect(facts.slots).toEqual(
      new Map([
        ['nvidia', 10],
        ['ascend', 0],
        ['amd', 0],
      ]),
    );
    expect(facts.cordoned).toEqual(new Set(['GPU-0', 'GPU-7']));
  });

  it('are how its devices are linked, one object for all nodes of a kind', () => {
    const letter = JSON.parse(inventory) as { devices: object[] };
    const two = [...letter.devices, { ...letter.devices[0], id: 'GPU-1', index: 1 }];
    const linked = (links: unknown) =>
      node({ 'kerf.dev/inventory-nvidia': JSON.stringify({ ...letter, devices: two, links }) });
    expect(linked([['NV4']]).links).toEqual(new Map([['nvidia', { size: 2, weight: [0, 400, 400, 0] }]]));
    expect(linked([['NV4']]).links.get('nvidia')).toBe(linked([['NV4']]).links.get('nvidia'));
    expect(linked(undefined).links).toEqual(new Map());
    expect(linked([['NV4', 'SYS']])).toMatchObject({
      devices: [],
      links: new Map(),
      unreadable: new Map([
        ['nvidia', 'inventory of nvidia has links that are no words for the pairs of its 2 devices'],
      ]),
    });
  });

  it('are its labels', () => {
    const labels = { 'kerf.dev/pool': 'dev', odd: 7 };
    expect(readNodeFacts({ metadata: { name: 'n1', labels } }, VENDORS).labels).toEqual(
      new Map([['kerf.dev/pool', 'dev']]),
    );
  });

  it('say why an inventory cannot be read', () => {
    const facts = node({ 'kerf.dev/inventory-nvidia': '{"v":2}' });
    expect(facts.devices).toEqual([]);
    expect(facts.unreadable).toEqual(new Map([['nvidia', 'inventory of nvidia has version 2, not 1']]));
  });

  it.each([
    ['*', 'all'],
    ['all', 'all'],
    [' GPU-1 , * ', 'all'],
    ['', new Set()],
    [undefined, new Set()],
    [7, new Set()],
  ])('read the cordon %j', (cordon, want) => {
    expect(node({ 'kerf.dev/cordon': cordon }).cordoned).toEqual(want);
  });

  it.each([
    [undefined, 0],
    ['0', 0],
    ['80', 80],
    ['2k', 2000],
    ['-1', 0],
    ['1.5', 0],
    ['lots', 0],
  ])('count %j slots as %s', (text, want) => {
    expect(node({}, { 'nvidia.com/gpu': text }).slots.get('nvidia')).toBe(want);
  });
});

it('whatever comes, something comes out', () => {
  const odd = fc.oneof(fc.anything(), fc.constantFrom(null, undefined, 5, 'x', [null], [{}], [{ name: 7 }]));
  const spec = fc.record({ containers: odd, initContainers: odd, nodeName: odd }, { requiredKeys: [] });
  const status = fc.record(
    { phase: odd, initContainerStatuses: odd, allocatable: odd },
    { requiredKeys: [] },
  );
  const annotations = fc.oneof(
    odd,
    fc.dictionary(fc.constantFrom('kerf.dev/placement', 'kerf.dev/cordon', 'kerf.dev/node-policy'), odd),
  );
  const metadata = fc.record({ uid: odd, name: odd, annotations }, { requiredKeys: [] });
  const shaped = fc.record({
    metadata: fc.oneof(metadata, odd),
    spec: fc.oneof(spec, odd),
    status: fc.oneof(status, odd),
  });
  fc.assert(
    fc.property(fc.oneof(odd, shaped), (value) => {
      expect(typeof readPodView(value, VENDORS).uid).toBe('string');
      expect(typeof readNodeFacts(value, VENDORS).name).toBe('string');
    }),
    { numRuns: 2000 },
  );
});
