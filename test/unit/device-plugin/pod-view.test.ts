// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { projectPod } from '../../../device-plugin/pod-view.js';
import type { Enforcement } from '../../../device-plugin/enforcement.js';
import { encodeRows, rowsOf } from '../../../device-plugin/slot-rows.js';
import { decodeSlots } from '../../../src/wire/slots.js';
import { anOwner, aPlacement, aSlice, aSlot } from '../../builders/slots.js';

const RESOURCE = 'nvidia.com/gpu';
const asks = (amount: string | number) => ({ limits: { [RESOURCE]: amount } });

describe('what is kept of a pod', () => {
  it('is its name, letter, containers in the kubelet’s order, and what runs', () => {
    const pod = projectPod(
      {
        metadata: {
          uid: 'u',
          namespace: 'n',
          name: 'p',
          annotations: { 'kerf.dev/placement': 'x', other: 'y' },
        },
        spec: {
          nodeName: 'n1',
          containers: [{ name: 'a', resources: asks('2') }, { name: 'plain' }],
          initContainers: [
            { name: 'i', resources: asks(1) },
            { name: 's', restartPolicy: 'Always', resources: asks('1') },
          ],
        },
        status: {
          phase: 'Running',
          containerStatuses: [
            { name: 'a', containerID: 'containerd://abc', state: { running: {} } },
            {
              name: 'plain',
              containerID: 'containerd://def',
              state: { terminated: { exitCode: 0, reason: 'Completed' } },
            },
            {
              name: 'crashed',
              state: { waiting: { reason: 'CrashLoopBackOff' } },
              lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
            },
            { name: 'new', state: { waiting: { reason: 'ContainerCreating' } }, lastState: {} },
          ],
        },
      },
      RESOURCE,
    );
    expect(pod).toEqual({
      ...{ uid: 'u', namespace: 'n', name: 'p', node: 'n1', isOver: false, placement: 'x' },
      containers: [
        { name: 'i', kind: 'init' },
        { name: 's', kind: 'sidecar' },
        { name: 'a', kind: 'app' },
        { name: 'plain', kind: 'app' },
      ],
      asking: [
        { name: 'i', kind: 'init', count: 1 },
        { name: 's', kind: 'sidecar', count: 1 },
        { name: 'a', kind: 'app', count: 2 },
      ],
      running: new Map([['a', 'abc']]),
      workload: '',
      ended: new Map([
        ['plain', 'exit 0, Completed'],
        ['crashed', 'exit 137, CrashLoopBackOff'],
      ]),
    });
  });

  it.each([null, 1, {}, { spec: { containers: [1, {}] }, status: [], metadata: 'x' }])(
    'of %j is nothing',
    (raw) => {
      expect(projectPod(raw, RESOURCE)).toMatchObject({
        uid: '',
        placement: null,
        containers: [],
        asking: [],
      });
    },
  );

  it.each(['Succeeded', 'Failed'])('tells that %s is over', (phase) => {
    expect(projectPod({ status: { phase } }, RESOURCE).isOver).toBe(true);
  });
});

const known = (word: Enforcement) => ({
  enforcement: { of: () => word },
  devices: { byId: new Map() },
  pods: { lastSeen: () => ({ workload: 'Job/j', ended: new Map([['a', 'exit 1, Error']]) }) },
});

describe('the rows of /v1/slots', () => {
  it('are the letter that the monitor reads; what nobody owns is told and skipped', () => {
    const owner = anOwner({ placement: aPlacement({ a: [aSlice()] }) });
    const text = encodeRows(rowsOf([aSlot(1, ['1']), aSlot(2, ['2'], owner)], known('enforced')));
    expect(JSON.parse(text)[0]).toEqual({
      slot: aSlot(1, []).slot,
      ids: ['1'],
      pod: null,
      enforcement: 'enforced',
    });
    expect(decodeSlots(text)).toEqual({
      ok: true,
      value: [
        {
          ...{ slot: aSlot(2, []).slot, ids: ['2'], container: 'a', kind: 'app', slices: [aSlice()] },
          ...{
            pod: { namespace: 'default', name: 'p', uid: 'uid-1' },
            enforcement: 'enforced',
            workload: 'Job/j',
            ended: 'exit 1, Error',
          },
        },
      ],
    });
  });

  it.each([[[]], [[aSlot(1, ['1'])]], [[aSlot(1, ['1'], anOwner())]]])(
    'are JSON whatever there is',
    (slots) => {
      expect(JSON.parse(encodeRows(rowsOf(slots, known('pending'))))).toHaveLength(slots.length);
    },
  );
});
