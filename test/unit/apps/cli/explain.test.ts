// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { explainFrame } from '../../../../src/apps/cli/explain-frame.js';
import type { Explanation } from '../../../../src/scheduling/explain.js';

const pending: Explanation = {
  pod: 'a/p',
  uid: 'u',
  revision: 1,
  state: 'pending',
  text: 'no node can hold it',
  summary: [{ text: 'memory short on the only device', curable: 'by-preemption', nodes: 1 }],
  nodes: [
    {
      node: 'n1',
      fits: false,
      kind: 'NoDeviceFits',
      curable: 'by-preemption',
      text: 'memory short on the only device',
      devices: [
        {
          id: 'GPU-1',
          model: 'A100-40G',
          memoryMiB: 40_960,
          freeMiB: 1024,
          freeCorePercent: 50,
          freeSlices: 8,
          fits: false,
          kind: 'MemoryShort',
          curable: 'by-preemption',
          text: 'memory short: 4096 MiB wanted, 1024 MiB free',
        },
      ],
    },
  ],
};

describe('an explanation', () => {
  it('says why a pod waits, counted, then node by node and device by device', () =>
    expect(explainFrame(pending, false).split('\n')).toEqual([
      'a/p: pending, no node can hold it',
      '',
      '1 node: memory short on the only device (would fit if others left)',
      '',
      'n1: memory short on the only device (would fit if others left)',
      '  DEVICE  MODEL                FREE  CORES FREE  SLICES FREE  ANSWER',
      '  GPU-1   A100-40G  1 GiB of 40 GiB        50 %            8  memory short: 4096 MiB wanted, 1024 MiB free',
    ]));

  it('says what a placed pod was given', () => {
    const slices = [{ device: 'GPU-1', memoryMiB: 4096, corePercent: 30 }];
    const placed: Explanation = {
      ...{ pod: 'a/p', uid: 'u', revision: 1, state: 'placed', node: 'n1', text: 'placed on node n1' },
      containers: [{ name: 'main', slices }],
    };
    expect(explainFrame(placed, false).split('\n')).toEqual([
      'a/p: placed on node n1',
      '',
      'CONTAINER  DEVICE  MEMORY  CORES',
      'main       GPU-1    4 GiB   30 %',
    ]);
  });

  it('says what would make it fit, after the reasons', () => {
    const changes = [
      { kind: 'memory', text: 'with memory ≤ 1 GiB a device', node: 'n1' },
      { kind: 'end', text: 'after b/q ends', node: 'n1', by: 'b/q' },
    ];
    expect(
      explainFrame({ ...pending, changes, nodes: [] }, false)
        .split('\n')
        .slice(3),
    ).toEqual([
      '',
      'it would fit with memory ≤ 1 GiB a device (on n1)',
      '          or after b/q ends (on n1)',
    ]);
  });

  it('names who is in the way', () => {
    const node = { node: 'n1', fits: false, text: 'held whole', by: 'b/q', curable: 'never', devices: [] };
    expect(explainFrame({ ...pending, summary: [], nodes: [node] }, false)).toMatch(
      /n1: held whole\n {2}b\/q$/,
    );
  });
});
