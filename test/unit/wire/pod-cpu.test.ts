// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { cpuMilliOf, readCpuMilli } from '../../../src/wire/pod-cpu.js';

const asks = (cpu: unknown, more = {}) => ({ name: 'a', resources: { requests: { cpu } }, ...more });

describe('the CPU a pod requests', () => {
  it.each([
    ['containers together', { containers: [asks('500m'), asks('2')] }, 2500],
    [
      'the largest init container where it is more',
      { containers: [asks('1')], initContainers: [asks('3'), asks(2)] },
      3000,
    ],
    [
      'a sidecar beside all',
      { containers: [asks('1')], initContainers: [asks('1', { restartPolicy: 'Always' }), asks('1500m')] },
      2500,
    ],
    [
      'a limit where no request stands',
      { containers: [{ name: 'a', resources: { limits: { cpu: '0.25' } } }] },
      250,
    ],
    ['the overhead of its runtime', { containers: [asks('1')], overhead: { cpu: '250m' } }, 1250],
    [
      'what the pod says for all its containers',
      { containers: [asks('1')], resources: { requests: { cpu: '4' } } },
      4000,
    ],
    ['nothing where none is asked', { containers: [{ name: 'a' }] }, 0],
    ['nothing of what is no pod', 'text', 0],
    ['nothing of odd lists', { containers: 7, initContainers: [null, asks({})] }, 0],
  ])('is that of %s', (_, spec, milli) => expect(cpuMilliOf(spec)).toBe(milli));

  it.each([
    ['2', 2000],
    ['500m', 500],
    ['0.1', 100],
    ['1e1', 10_000],
    ['1k', 1_000_000],
    [3, 3000],
    ['-1', 0],
    ['much', 0],
    [null, 0],
  ])('%s is %s milli', (text, milli) => expect(readCpuMilli(text)).toBe(milli));
});
