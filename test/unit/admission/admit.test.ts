// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit } from '../../../src/admission/admit.js';
import { mib } from '../../../src/core/units.js';
import { VENDORS } from '../../../src/vendors/index.js';
import type { ContainerObject, PodObject } from '../../../src/wire/admission.js';
import { readPodRequest } from '../../../src/wire/pod.js';
import {
  admissionContext,
  amounts,
  aPresentDevice,
  askingContainer,
  podAsking,
} from '../../builders/admission.js';

function admitted(pod: PodObject, context = admissionContext()) {
  const answer = admit(pod, context);
  if (answer.kind !== 'admitted') throw new Error(JSON.stringify(answer));
  return answer;
}

const resourcesOf = (pod: PodObject) => pod.spec.containers[0]?.resources;

describe('the normal form', () => {
  it.each([
    [{ 'gpu-mem': '16Gi' }, { gpu: 1, 'gpu-mem': 16_384 }],
    [
      { 'gpu-mem': '3k', gpu: 2 },
      { gpu: 2, 'gpu-mem': 3000 },
    ],
    [
      { gpumem: 3000, gpucores: 30 },
      { gpu: 1, 'gpu-mem': 3000, 'gpu-cores': 30 },
    ],
    [{ 'gpumem-percentage': 25 }, { gpu: 1, 'gpu-mem-percentage': 25 }],
    [
      { gpumem: 3000, 'gpu-mem': '3000', gpu: 1 },
      { gpu: 1, 'gpu-mem': 3000 },
    ],
    [
      { gpumem: 3000, 'gpu-mem-percentage': 50 },
      { gpu: 1, 'gpu-mem': 3000 },
    ],
    [{ gpu: 1, 'gpu-mem': 0 }, { gpu: 1 }],
    [{ gpu: 1, 'gpu-mem-percentage': 100 }, { gpu: 1 }],
    [
      { gpu: 1, priority: 0 },
      { gpu: 1, priority: 0 },
    ],
    [{ 'gpu-cores': 50 }, { gpu: 1, 'gpu-cores': 50 }],
  ])('of %j is %j, in limits and requests', (written, want) => {
    const cpu = { cpu: '500m' };
    const pod = podAsking([
      { name: 'a', resources: { limits: { ...cpu, ...amounts(written) }, requests: cpu } },
    ]);
    const normal = { ...cpu, ...amounts(want) };
    expect(resourcesOf(admitted(pod).pod)).toEqual({ limits: normal, requests: normal });
  });

  it('takes requests where there are no limits', () => {
    const pod = podAsking([{ name: 'a', resources: { requests: amounts({ gpumem: 10 }) } }]);
    const normal = amounts({ gpu: 1, 'gpu-mem': 10 });
    expect(resourcesOf(admitted(pod).pod)).toEqual({ limits: normal, requests: normal });
  });

  it('leaves containers that ask for nothing, and all else in the pod, as they are', () => {
    const plain = { name: 'b', image: 'x', resources: { limits: { cpu: '1' } } };
    const whole = podAsking([askingContainer({ gpu: 1 }), plain], { labels: { app: 'x' } });
    const pod = { ...whole, apiVersion: 'v1', spec: { ...whole.spec, hostIPC: true } };
    const { pod: changed } = admitted(pod);
    expect(changed).toEqual({ ...pod, spec: { ...pod.spec, schedulerName: 'kerf-scheduler' } });
    expect(changed.spec.containers[1]).toBe(plain);
  });

  it('covers init containers and sidecars', () => {
    const inits = [
      askingContainer({ gpumem: 5 }),
      askingContainer({ gpumem: 6 }, { restartPolicy: 'Always' }),
    ];
    const pod = podAsking([{ name: 'b' }], { spec: { initContainers: inits } });
    const limits = admitted(pod).pod.spec.initContainers?.map(({ resources }) => resources?.limits);
    expect(limits).toEqual([amounts({ gpu: 1, 'gpu-mem': 5 }), amounts({ gpu: 1, 'gpu-mem': 6 })]);
  });

  it.each(['', 'default-scheduler', 'kerf-scheduler'])('of scheduler %j is ours', (schedulerName) => {
    const pod = podAsking([askingContainer({ gpu: 1 })], { spec: { schedulerName } });
    expect(admitted(pod).pod.spec.schedulerName).toBe('kerf-scheduler');
  });

  it('says in our annotations what HAMi says in its own', () => {
    const annotations = {
      'nvidia.com/use-gputype': 'A100',
      'hami.io/node-scheduler-policy': 'spread',
      'nvidia.com/numa-bind': 'true',
      note: 'mine',
    };
    const pod = podAsking([askingContainer({ gpu: 1 })], { annotations });
    expect(admitted(pod).pod.metadata.annotations).toEqual({
      note: 'mine',
      'kerf.dev/device-type': 'A100',
      'kerf.dev/node-policy': 'spread',
      'kerf.dev/numa': 'required',
    });
  });

  it('says nothing where HAMi says no', () => {
    const annotations = { 'nvidia.com/numa-bind': 'false', 'kerf.dev/numa': 'preferred' };
    const pod = podAsking([askingContainer({ gpu: 1 })], { annotations });
    expect(admitted(pod).pod.metadata.annotations).toEqual({ 'kerf.dev/numa': 'preferred' });
  });

  it('has no placement, and says so', () => {
    const annotations = { 'kerf.dev/placement': '{"v":1,"containers":[]}', note: 'mine' };
    for (const containers of [[askingContainer({ gpu: 1 })], [{ name: 'a' }]]) {
      const answer = admitted(podAsking(containers, { annotations }));
      expect(answer.pod.metadata.annotations).toEqual({ note: 'mine' });
      expect(answer.warnings[0]).toContain('is written by the scheduler alone');
    }
  });
});

describe('a pod that is none of our business', () => {
  it.each([
    ['asks for nothing', podAsking([{ name: 'a', resources: { limits: { cpu: '1' } } }])],
    ['asks for no device', podAsking([askingContainer({ gpu: 0 })])],
    [
      'of another scheduler without devices',
      podAsking([{ name: 'a' }], { spec: { schedulerName: 'volcano' } }),
    ],
    ['is opted out', podAsking([askingContainer({ gpu: -1 })], { labels: { 'kerf.dev/webhook': 'ignore' } })],
    [
      'is opted out of HAMi',
      podAsking([askingContainer({ gpu: 1 })], { labels: { 'hami.io/webhook': 'ignore' } }),
    ],
  ])('since it %s is left alone', (_name, pod) => {
    expect(admit(pod, admissionContext())).toEqual({ kind: 'ignored' });
  });
});

describe('a warning', () => {
  const warn = (
    containers: ContainerObject[],
    annotations: Record<string, string> = {},
    present = [[aPresentDevice()]],
  ) =>
    admitted(podAsking(containers, { annotations }), admissionContext({ present: () => present })).warnings;

  it('is not given to an everyday pod', () => {
    expect(
      warn([askingContainer({ 'gpu-mem': 4096, 'gpu-cores': 30 })], { 'kerf.dev/node-policy': 'spread' }),
    ).toEqual([]);
  });

  it.each([
    [
      { gpumem: 5, 'gpumem-percentage': 5 },
      {},
      'spec.containers[0]: nvidia.com/gpu-mem (5 MiB) wins over nvidia.com/gpu-mem-percentage (5)',
    ],
    [{ gpu: 1, gpumem: 0 }, {}, 'spec.containers[0]: nvidia.com/gpu-mem is 0, which means the whole device'],
    [
      { gpu: 1, 'gpumem-percentage': 0 },
      {},
      'nvidia.com/gpu-mem-percentage is 0, which means the whole device',
    ],
    [
      { gpu: 1, 'gpu-cores': 10 },
      {},
      'neither nvidia.com/gpu-mem nor nvidia.com/gpu-mem-percentage is named, which means the whole device',
    ],
    [
      { gpu: 1, 'gpu-memory': 6 },
      {},
      'spec.containers[0]: nvidia.com/gpu-memory is no resource of Kerf, and the pod waits for ever unless',
    ],
    [
      { gpu: 1 },
      { 'kerf.dev/device-polcy': 'x' },
      '["kerf.dev/device-polcy"] is not known here; known: kerf.dev/node-policy',
    ],
    [{ gpu: 1 }, { 'nvidia.com/vgpu-mode': 'mig' }, '["nvidia.com/vgpu-mode"] has no effect in this version'],
    [
      { gpumem: 50_000 },
      {},
      'no present node could hold this pod even when empty: container a (1 with 50000 MiB); it waits for one; present: NVIDIA A100-SXM4-40GB × 1 a node, 40960 MiB each',
    ],
    [{ gpu: 2 }, {}, 'container a (2 whole)'],
    [{ gpu: 1 }, { 'kerf.dev/device-type': 'h200' }, 'no present node could hold this pod'],
    [{ gpu: 1 }, { 'kerf.dev/device-type-not': 'a100' }, 'no present node could hold this pod'],
    [{ gpu: 1 }, { 'kerf.dev/device-uuid': 'GPU-9' }, 'no present node could hold this pod'],
  ])('is given for %j %j', (short, annotations, sentence) => {
    const warnings = warn([askingContainer(short as never)], annotations as Record<string, string>);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(sentence);
  });

  it('tells that a tenant cannot lift its own limits', () => {
    const env = [
      { name: 'LD_PRELOAD', value: '/x.so' },
      { name: 'CUDA_DISABLE_CONTROL', value: 'true' },
    ];
    expect(warn([askingContainer({ gpu: 1 }, { env })])).toHaveLength(2);
  });

  it('tells of capabilities that undo the limits', () => {
    const securityContext = { capabilities: { add: ['NET_ADMIN', 'SYS_ADMIN'] } };
    const warnings = warn([askingContainer({ gpu: 1 }, { securityContext })]);
    expect(warnings).toEqual([
      'spec.containers[0]: with capability SYS_ADMIN a process can undo the limits of its own slice',
    ]);
  });

  it('is not given before any node was read, and tells when no node has devices', () => {
    const pod = podAsking([askingContainer({ gpu: 1 })]);
    expect(admitted(pod, admissionContext({ present: null })).warnings).toEqual([]);
    expect(admitted(pod, admissionContext({ present: () => [] })).warnings[0]).toContain(
      'no node announces a device',
    );
  });

  it('is given where the containers fit one by one but not together', () => {
    const whole = [askingContainer({ gpu: 1 }), askingContainer({ gpu: 1 }, { name: 'b' })];
    expect(warn(whole)[0]).toContain('all its containers together');
  });

  it('is given where the only device is sick', () => {
    const sick = aPresentDevice({ isHealthy: false, reason: 'fell off the bus' });
    expect(warn([askingContainer({ gpu: 1 })], {}, [[sick]])).toHaveLength(1);
  });

  it('is not given where any one node would do', () => {
    const large = aPresentDevice({ id: 'GPU-2', model: 'H200', memory: mib(143_771) });
    expect(warn([askingContainer({ 'gpu-mem': '100Gi' })], {}, [[aPresentDevice()], [large]])).toEqual([]);
  });
});

const anyAmounts = fc.dictionary(
  fc.constantFrom(
    'gpu',
    'gpu-mem',
    'gpumem',
    'gpu-mem-percentage',
    'gpumem-percentage',
    'gpu-cores',
    'gpucores',
    'priority',
  ),
  fc.constantFrom('0', '1', '2', '3k', '16Gi', '100', '50', '-1', '1500m', '2097152', '4096'),
  { maxKeys: 4 },
);
const anyAnnotations = fc.dictionary(
  fc.constantFrom(
    'kerf.dev/node-policy',
    'hami.io/node-scheduler-policy',
    'nvidia.com/use-gputype',
    'kerf.dev/placement',
    'kerf.dev/numa',
    'nvidia.com/numa-bind',
  ),
  fc.constantFrom('binpack', 'spread', 'A100', ' spread', 'true', 'false', 'required'),
  { maxKeys: 3 },
);
const anyPod = fc
  .record({
    apps: fc.array(anyAmounts, { minLength: 1, maxLength: 3 }),
    inits: fc.array(anyAmounts, { maxLength: 2 }),
    annotations: anyAnnotations,
  })
  .map(({ apps, inits, annotations }) =>
    podAsking(
      apps.map((short, index) => askingContainer(short, { name: `a${index}` })),
      {
        annotations,
        spec: { initContainers: inits.map((short, index) => askingContainer(short, { name: `i${index}` })) },
      },
    ),
  );

describe('admission', () => {
  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(anyPod, (pod) => {
        const answer = admit(pod, admissionContext());
        if (answer.kind !== 'admitted') return;
        const again = admit(answer.pod, admissionContext());
        if (again.kind === 'ignored') expect(answer.pod.spec).toEqual(pod.spec);
        else expect(again.kind === 'admitted' && again.pod).toEqual(answer.pod);
      }),
      { numRuns: 1000 },
    );
  });

  it('never changes what a pod asks for', () => {
    fc.assert(
      fc.property(anyPod, (pod) => {
        const answer = admit(pod, admissionContext());
        if (answer.kind === 'admitted')
          expect(readPodRequest(answer.pod, VENDORS)).toEqual(readPodRequest(pod, VENDORS));
      }),
      { numRuns: 1000 },
    );
  });

  it('never changes its argument', () => {
    const pod = podAsking([askingContainer({ gpumem: 1 })], {
      annotations: { 'nvidia.com/use-gputype': 'A' },
    });
    const before = structuredClone(pod);
    admit(pod, admissionContext());
    expect(pod).toEqual(before);
  });
});
