// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { usageFrame, type UsageLook } from '../../../../src/apps/cli/usage-frame.js';
import { type NodeState, stateOf } from '../../../../src/observing/state.js';
import { usageOf } from '../../../../src/observing/usage.js';
import { NO_COMPUTE } from '../../../../src/wire/region.js';
import { aNode, aReading, aRegion, aSlot, MIB } from '../../observing/readings.js';

const frameOf = (
  nodes: readonly NodeState[],
  silent: UsageLook['silent'] = [],
  paper: { readonly hasColour: boolean; readonly width?: number } = { hasColour: false },
) => usageFrame({ nodes, silent, atMs: 0 }, null, paper);

const state = (change: Parameters<typeof aNode>[0] = {}) => stateOf(usageOf(aNode(change)));

describe('the picture of usage', () => {
  it('shows devices, then slices with used against granted', () => {
    const used = { usedBytes: 2048 * MIB, peakBytes: 4096 * MIB, refusals: 3 };
    const devices = [aReading({ usedBytes: 10_240 * MIB })];
    const frame = frameOf([state({ devices, regions: new Map([['s1', aRegion(used)]]) })], [], {
      hasColour: false,
    });
    expect(frame.split('\n')).toEqual([
      'NODE  DEV  MODEL     MEMORY  GRANTED    USED  USED OF DEVICE    CORES  SLICES  HEALTH',
      'n1      0  A100-40G  40 GiB    4 GiB  10 GiB  ███░░░░░░░  25 %   30 %       1  healthy',
      '',
      'NODE  DEV  POD  CONTAINER  GRANTED   USED  USED OF SLICE      PEAK  REFUSED  CORES  BUSY  THROTTLED  DRIFT  NOTE',
      'n1      0  a/p  main         4 GiB  2 GiB  █████░░░░░  50 %  4 GiB        3   30 %     -          -      -',
    ]);
  });

  it('shows a question mark where nobody counts, and why', () => {
    const frame = frameOf([state({ devices: [], regions: new Map() })], [], { hasColour: false });
    expect(frame).toContain('no devices');
    expect(frame).toMatch(/n1 +\? +a\/p +main +4 GiB +\? +\? +\? +\? +30 % +- +- +- +there is no region/);
  });

  it('shows what the driver counts beyond a slice’s own count', () => {
    const drifts = [{ slot: 's1', deviceId: aReading().id, bytes: 300 * MIB }];
    expect(frameOf([state({ drifts })])).toMatch(/DRIFT +NOTE\n.* 300 MiB$/);
  });

  it('says that a container is not held', () => {
    const slots = [aSlot({ enforcement: 'unenforced: static binary' })];
    expect(frameOf([state({ slots })], [], { hasColour: false })).toContain('unenforced: static binary');
  });

  it('says what a monitor could not ask', () => {
    const sources = [{ name: 'driver' as const, problem: 'driver: NVML_TIMEOUT' }];
    expect(frameOf([state({ sources })], [], { hasColour: false })).toContain('n1: driver: NVML_TIMEOUT');
  });

  it('names a node that does not answer, and still shows the others', () => {
    const frame = frameOf([state()], [{ node: 'n2', why: 'connect ECONNREFUSED' }], { hasColour: false });
    expect(frame).toContain('n2: the monitor does not answer: connect ECONNREFUSED');
    expect(frame).toContain('a/p');
  });

  it('says nothing of devices where nobody answers', () => {
    const frame = frameOf([], [{ node: 'n2', why: 'connect ECONNREFUSED' }], { hasColour: false });
    expect(frame).toBe('n2: the monitor does not answer: connect ECONNREFUSED');
  });

  it.each([60, 80, 100])('fits %i columns, and keeps what was refused and why', (width) => {
    const slots = [aSlot({ enforcement: 'unenforced: no process of the container has loaded the library' })];
    const lines = frameOf([state({ slots })], [], { hasColour: false, width }).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    expect(lines.join('\n')).toMatch(/REFUSED.*NOTE\n.*unenforced.*…/);
  });

  it('tells how a container ended, and not that it starts', () => {
    const slots = [aSlot({ enforcement: 'pending', ended: 'exit 1, CrashLoopBackOff' })];
    expect(frameOf([state({ slots })])).toContain('ended: exit 1, CrashLoopBackOff');
    expect(frameOf([state({ slots: [aSlot({ enforcement: 'pending' })] })])).toContain('starting');
  });

  const computed = (busyNs: number, throttledNs: number) => {
    const compute = { ...NO_COMPUTE, busyNs, throttledNs };
    return [state({ regions: new Map([['s1', aRegion({ compute })]]) })];
  };
  const after = (nodes: readonly NodeState[], then: readonly NodeState[]) =>
    usageFrame(
      { nodes, silent: [], atMs: 3000 },
      { nodes: then, silent: [], atMs: 1000 },
      { hasColour: false },
    );

  it('tells busy and throttled as shares of the time since the picture before', () => {
    expect(after(computed(1.5e9, 3e9), computed(1e9, 1e9))).toMatch(/ 25 % +100 % +-$/);
  });

  it.each([
    ['in the first picture', () => frameOf(computed(1e9, 4.2e9)), /30 % +- +4\.2 s +-$/],
    [
      'where a container began anew',
      () => after(computed(1e9, 1e9), computed(2e9, 2e9)),
      /30 % +- +1\.0 s +-$/,
    ],
    ['where it is new', () => after(computed(1e9, 0), []), /30 % +- +- +-$/],
  ])('tells no share %s', (_when, frame, seen) => {
    expect(frame()).toMatch(seen);
  });
});
