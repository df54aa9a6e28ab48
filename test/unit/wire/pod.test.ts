// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES, nodePolicy } from '../../../src/core/policies.js';
import { VENDORS } from '../../../src/vendors/index.js';
import type { Amounts, ContainerLike } from '../../../src/wire/pod.js';
import { readPodRequest, sentenceOf, slotsOf } from '../../../src/wire/pod.js';

const read = (
  spec: { containers?: ContainerLike[]; initContainers?: ContainerLike[] },
  annotations: Record<string, string> = {},
) => readPodRequest({ metadata: { annotations }, spec }, VENDORS);

function slicesOf(limits: Amounts, requests?: Amounts) {
  const request = read({ containers: [{ name: 'a', resources: { limits, requests } }] });
  if (!request.ok) throw new Error(sentenceOf(request.error));
  return request.value.containers[0]?.slices;
}

const fixed = (memory: number) => ({ kind: 'fixed', memory });
const share = (permille: number) => ({ kind: 'share', permille });
const WHOLE = { kind: 'whole' };

describe('what a container asks', () => {
  it.each([
    [{ gpu: 1 }, { count: 1, memory: WHOLE, cores: 1000, isExclusive: true }],
    [{ gpu: '2' }, { count: 2, memory: WHOLE, cores: 1000, isExclusive: true }],
    [{ 'gpu-mem': '3k' }, { count: 1, memory: fixed(3000), cores: 0, isExclusive: false }],
    [{ gpumem: '3000' }, { count: 1, memory: fixed(3000), cores: 0, isExclusive: false }],
    [
      { 'gpu-mem': '16Gi', gpu: 2 },
      { count: 2, memory: fixed(16_384), cores: 0, isExclusive: false },
    ],
    [
      { 'gpu-mem': 4096, 'gpu-cores': 30 },
      { count: 1, memory: fixed(4096), cores: 300, isExclusive: false },
    ],
    [
      { 'gpu-mem': 4096, 'gpu-cores': 100 },
      { count: 1, memory: fixed(4096), cores: 1000, isExclusive: true },
    ],
    [{ 'gpu-mem-percentage': 25 }, { count: 1, memory: share(250), cores: 0, isExclusive: false }],
    [{ 'gpu-mem-percentage': 100 }, { count: 1, memory: WHOLE, cores: 1000, isExclusive: true }],
    [
      { 'gpu-mem': 10, 'gpumem-percentage': 25 },
      { count: 1, memory: fixed(10), cores: 0, isExclusive: false },
    ],
    [{ 'gpu-cores': 50 }, { count: 1, memory: WHOLE, cores: 500, isExclusive: true }],
    [
      { gpu: 1, 'gpu-mem': 0, 'gpu-cores': 0 },
      { count: 1, memory: WHOLE, cores: 1000, isExclusive: true },
    ],
    [
      { 'gpu-mem': '4Gi', gpumem: '4096Mi' },
      { count: 1, memory: fixed(4096), cores: 0, isExclusive: false },
    ],
  ])('%j is %j', (short, want) => {
    const limits = Object.fromEntries(
      Object.entries(short).map(([name, value]) => [`nvidia.com/${name}`, value]),
    ) as Amounts;
    expect(slicesOf(limits)).toEqual([{ vendor: 'nvidia', priority: 'low', ...want }]);
  });

  it.each([
    [0, 'high'],
    [1, 'low'],
    [undefined, 'low'],
  ])('with priority %s is of the tier %s', (written, priority) => {
    const limits = {
      'nvidia.com/gpu': 1,
      ...(written === undefined ? {} : { 'nvidia.com/priority': written }),
    };
    expect(slicesOf(limits)).toMatchObject([{ priority }]);
  });

  it('comes from the requests where the limits do not name it', () => {
    expect(slicesOf({ 'nvidia.com/gpu': 2 }, { 'nvidia.com/gpu': 1, 'nvidia.com/gpu-mem': 512 })).toEqual([
      { vendor: 'nvidia', count: 2, memory: fixed(512), cores: 0, isExclusive: false, priority: 'low' },
    ]);
  });

  it.each([[{}], [{ cpu: '1', memory: '1Gi' }], [{ 'nvidia.com/gpu': 0 }]])('%j is no device', (limits) => {
    expect(slicesOf(limits as Amounts)).toEqual([]);
  });
});

describe('a bad amount', () => {
  it.each([
    ['gpu', '-1', 'limits["nvidia.com/gpu"] is "-1": want a whole number of devices'],
    ['gpu', 'two', 'is "two": want a number'],
    ['gpu', '1500m', 'is "1500m": want a whole number of devices'],
    ['gpu-mem', '1500m', 'want whole MiB such as 1536'],
    ['gpu-mem', '-5', 'not less than nothing'],
    ['gpu-mem', '2Ti', 'want less than 1Ti'],
    ['gpu-mem-percentage', '101', 'is "101": want a whole percentage, 0 to 100'],
    ['gpu-mem-percentage', '-1', 'is "-1"'],
    ['gpu-cores', '101', 'is "101": want a whole percentage of one device, 0 to 100'],
    ['priority', '2', 'is "2"'],
    ['priority', '0', 'limits["nvidia.com/gpu"] is "absent": want at least 1'],
    ['gpu-mem', '0', 'limits["nvidia.com/gpu"] is "absent": want at least 1'],
  ])('nvidia.com/%s: %s is told', (name, value, sentence) => {
    const request = read({
      containers: [{ name: 'a', resources: { limits: { [`nvidia.com/${name}`]: value } } }],
    });
    expect(request.ok ? '' : sentenceOf(request.error)).toContain(sentence);
  });

  it('names the container it stands in', () => {
    const bad = { name: 'b', resources: { requests: { 'nvidia.com/gpu': 0, 'nvidia.com/gpu-mem': 5 } } };
    const request = read({ containers: [{ name: 'a' }], initContainers: [{ name: 'x' }, bad] });
    expect(request.ok ? '' : request.error.field).toBe(
      'spec.initContainers[1].resources.limits["nvidia.com/gpu"]',
    );
  });

  it('is told where two names of one thing disagree', () => {
    const limits = { 'nvidia.com/gpu-mem': '4Gi', 'nvidia.com/gpumem': '4095' };
    const request = read({ containers: [{ name: 'a', resources: { limits } }] });
    expect(request.ok ? '' : sentenceOf(request.error)).toBe(
      'spec.containers[0].resources.limits["nvidia.com/gpumem"] is "4095": it means the same as nvidia.com/gpu-mem, which is "4Gi"; write only one of them',
    );
  });
});

describe('a pod', () => {
  const one = { limits: { 'nvidia.com/gpu': 1 } };
  const pod = {
    initContainers: [
      { name: 'i', resources: one },
      { name: 's', restartPolicy: 'Always', resources: { limits: { 'nvidia.com/gpu': 2 } } },
    ],
    containers: [{ name: 'a', resources: one }, { name: 'b' }],
  };

  it('lists its containers as the kubelet walks them', () => {
    const request = read(pod);
    expect(
      request.ok && request.value.containers.map(({ name, kind, slices }) => [name, kind, slices.length]),
    ).toEqual([
      ['i', 'init', 1],
      ['s', 'sidecar', 1],
      ['a', 'app', 1],
      ['b', 'app', 0],
    ]);
  });

  it('takes slots of the count resource', () => {
    const request = read(pod);
    expect(request.ok && slotsOf(request.value, VENDORS)).toEqual([
      { container: 'i', kind: 'init', resource: 'nvidia.com/gpu', count: 1 },
      { container: 's', kind: 'sidecar', resource: 'nvidia.com/gpu', count: 2 },
      { container: 'a', kind: 'app', resource: 'nvidia.com/gpu', count: 1 },
    ]);
  });

  it('follows names that were changed in the chart', () => {
    const [row] = VENDORS;
    if (row === undefined) throw new Error('no vendor');
    const renamed = { ...row, resources: { ...row.resources, count: 'example.com/accel' } };
    const limits = { 'example.com/accel': 1, 'nvidia.com/gpu': 7 };
    const request = readPodRequest({ spec: { containers: [{ name: 'a', resources: { limits } }] } }, [
      renamed,
    ]);
    expect(request.ok && slotsOf(request.value, [renamed])).toMatchObject([
      { resource: 'example.com/accel', count: 1 },
    ]);
  });

  it.each([
    [{}, null],
    [{ 'kerf.dev/numa': 'required' }, 'required'],
    [{ 'kerf.dev/numa': ' preferred ' }, 'preferred'],
    [{ 'nvidia.com/numa-bind': 'true' }, 'required'],
    [{ 'nvidia.com/numa-bind': 'false' }, null],
    [{ 'nvidia.com/numa-bind': 'false', 'kerf.dev/numa': 'preferred' }, 'preferred'],
    [{ 'nvidia.com/numa-bind': 'true', 'kerf.dev/numa': 'required' }, 'required'],
  ])('says by %j that NUMA is %s', (annotations, numa) => {
    expect(read(pod, annotations as Record<string, string>)).toMatchObject({ ok: true, value: { numa } });
  });

  it.each([
    [{ 'kerf.dev/device-policy': 'mutex, binpack,numa' }, null, ['mutex', 'binpack', 'numa']],
    [{ 'hami.io/gpu-scheduler-policy': 'topology-aware' }, null, ['topology']],
    [{ 'hami.io/gpu-scheduler-policy': 'numa, topology-aware,spread' }, null, ['numa', 'topology', 'spread']],
    [
      { 'hami.io/gpu-scheduler-policy': 'topology-aware', 'kerf.dev/device-policy': 'topology' },
      null,
      ['topology'],
    ],
    [{ 'kerf.dev/node-policy': 'topology,spread' }, [[['topology', 1]], [['spread', 1]]], null],
    [
      { 'kerf.dev/node-policy': 'binpack=2,topology=1' },
      [
        [
          ['binpack', 2],
          ['topology', 1],
        ],
      ],
      null,
    ],
  ])('says by %j which policies it wants', (annotations, nodes, devices) => {
    const request = read(pod, annotations as Record<string, string>);
    if (!request.ok) throw new Error(sentenceOf(request.error));
    const steps = request.value.nodePolicy?.map((step) => step.map(({ name, weight }) => [name, weight]));
    expect(steps ?? null).toEqual(nodes);
    expect(request.value.devicePolicy).toEqual(devices);
  });

  it('says its choice in our annotations or in those of HAMi', () => {
    const request = read(pod, {
      'kerf.dev/node-policy': 'binpack',
      'hami.io/gpu-scheduler-policy': 'spread',
      'nvidia.com/use-gputype': 'A100, H200',
      'kerf.dev/device-type-not': 'T4',
      'nvidia.com/use-gpuuuid': 'GPU-1,GPU-2',
      'nvidia.com/nouse-gpuuuid': '',
    });
    expect(request).toMatchObject({
      ok: true,
      value: {
        nodePolicy: nodePolicy('binpack'),
        devicePolicy: ['spread'],
        choice: {
          allowModels: ['A100', 'H200'],
          denyModels: ['T4'],
          allowIds: ['GPU-1', 'GPU-2'],
          denyIds: [],
        },
      },
    });
  });

  const NODE_NAMES = `want one of ${NODE_POLICY_NAMES.join(', ')}, or several with commas between, the first counts most; or weights above 0, as in binpack=2,topology=1`;
  const DEVICE_NAMES = `want one of ${DEVICE_POLICY_NAMES.join(', ')}, or several with commas between, the first counts most`;

  it.each([
    [
      { 'kerf.dev/node-policy': 'best' },
      `metadata.annotations["kerf.dev/node-policy"] is "best": ${NODE_NAMES}`,
    ],
    [
      { 'hami.io/gpu-scheduler-policy': 'cheap' },
      `metadata.annotations["hami.io/gpu-scheduler-policy"] is "cheap": ${DEVICE_NAMES}`,
    ],
    [
      { 'nvidia.com/numa-bind': 'maybe' },
      'metadata.annotations["nvidia.com/numa-bind"] is "maybe": want one of true, false',
    ],
    [
      { 'kerf.dev/device-type': 'A', 'nvidia.com/use-gputype': 'B' },
      'metadata.annotations["nvidia.com/use-gputype"] is "B": it means the same as kerf.dev/device-type, which says "A"; write only one of them',
    ],
  ])('is told of %j', (annotations, sentence) => {
    const request = read(pod, annotations as Record<string, string>);
    expect(request.ok ? '' : sentenceOf(request.error)).toBe(sentence);
  });

  const LIST = 'want at most 64 entries with commas between, in 4096 letters';
  it.each([
    ['many entries', 'kerf.dev/device-uuid', 'GPU-1,'.repeat(65), LIST],
    ['one long entry', 'nvidia.com/nouse-gputype', 'x'.repeat(4097), LIST],
    ['a long name', 'kerf.dev/node-policy', 'y'.repeat(200_000), NODE_NAMES],
  ])('is told of %s, and the sentence stays short', (_what, ...[key, value, want]) => {
    const request = read(pod, { [key]: value });
    const sentence = `metadata.annotations["${key}"] is "${value.slice(0, 100)}…": ${want}`;
    expect(request.ok ? '' : sentenceOf(request.error)).toBe(sentence);
  });
});
