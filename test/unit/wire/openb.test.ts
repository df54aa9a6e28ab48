// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { readOpenbNodes, readOpenbOrder, readOpenbPods } from '../../../src/wire/openb.js';

const NODES = 'sn,cpu_milli,memory_mib,gpu,model';
const PODS = 'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos';

describe('a node list', () => {
  it('gives nodes, CPU-only ones with an empty model', () => {
    expect(readOpenbNodes(`${NODES}\nn0,96000,393216,8,G2\r\nn1,32000,262144,0,\n`)).toEqual({
      ok: true,
      value: [
        { name: 'n0', cpuMilli: 96000, memoryMiB: 393216, gpus: 8, model: 'G2' },
        { name: 'n1', cpuMilli: 32000, memoryMiB: 262144, gpus: 0, model: '' },
      ],
    });
  });

  it.each([
    ['', 'line 1 is "": want the columns'],
    ['sn,gpu\n', 'missing: cpu_milli, memory_mib, model'],
    [`${NODES}\n`, 'line 2 is missing: want at least one row'],
    [`${NODES}\nn0,96000,393216,8,G2`, 'line 2 does not end with a newline: is the file cut short?'],
    [`${NODES}\nn0,96000,393216,8,G2\nn1,960`, 'line 3 does not end with a newline'],
    [`${NODES}\nn0,96000,393216,8\n`, 'line 2: has 4 fields: want 5'],
    [`${NODES}\nn0,96000,393216,8,G2\n\nn1,1,1,1,G2\n`, 'line 3: has 1 fields: want 5'],
    [`${NODES}\nn0,-1,393216,8,G2\n`, 'line 2: cpu_milli is "-1": want a whole number'],
    [`${NODES}\nn0,1e3,393216,8,G2\n`, 'line 2: cpu_milli is "1e3"'],
    [`${NODES}\nn0,96000,99999999999,8,G2\n`, 'line 2: memory_mib is "99999999999"'],
    [`${NODES}\nn0,96000,393216,65,G2\n`, 'line 2: gpu is "65": want a whole number from 0 to 64'],
    [`${NODES}\n,96000,393216,8,G2\n`, 'line 2: sn is empty'],
    [`${NODES}\n"n,0",96000,393216,8,G2\n`, 'line 2: has a quotation mark'],
  ])('%j is refused', (text, sentence) => {
    expect(readOpenbNodes(text)).toEqual({ ok: false, error: expect.stringContaining(sentence) });
  });
});

describe('a pod list', () => {
  it('gives pods with their models, and does without the last six columns', () => {
    const all = readOpenbPods(`${PODS}\np0,12000,16384,1,460,T4|G2,LS\np1,1000,512,0,0,,BE\n`);
    expect(all).toEqual({
      ok: true,
      value: [
        { name: 'p0', cpuMilli: 12000, memoryMiB: 16384, gpus: 1, gpuMilli: 460, models: ['T4', 'G2'] },
        { name: 'p1', cpuMilli: 1000, memoryMiB: 512, gpus: 0, gpuMilli: 0, models: [] },
      ],
    });
    const short = readOpenbPods('name,cpu_milli,memory_mib,num_gpu,gpu_milli\np0,1,2,8,1000\n');
    expect(short).toMatchObject({ ok: true, value: [{ gpus: 8, models: [] }] });
  });

  it.each([
    ['p0,1,2,0,10,,LS', 'line 2: gpu_milli is 10, num_gpu is 0: want gpu_milli 0'],
    ['p0,1,2,1,0,,LS', 'line 2: gpu_milli is 0, num_gpu is 1: want 1 to 1000'],
    ['p0,1,2,2,500,,LS', 'line 2: gpu_milli is 500, num_gpu is 2: want 1000'],
    ['p0,1,2,1,1001,,LS', 'line 2: gpu_milli is "1001": want a whole number from 0 to 1000'],
  ])('%j is refused', (line, sentence) => {
    expect(readOpenbPods(`${PODS}\n${line}\n`)).toEqual({
      ok: false,
      error: expect.stringContaining(sentence),
    });
  });
});

describe('an order', () => {
  const LISTS = { pods: 2, nodes: 2 };

  it('gives rows and ranks', () => {
    const text = '{"order":[1,0,1],"nodeRank":[1,0],"workload":"default","seed":42,"cap":1}';
    expect(readOpenbOrder(text, LISTS)).toEqual({
      ok: true,
      value: { workload: 'default', seed: 42, order: [1, 0, 1], nodeRank: [1, 0] },
    });
  });

  it.each([
    ['{"order":[', 'is no JSON object'],
    ['{"order":[2],"nodeRank":[0,1]}', 'order[0] is 2: want a row of the pod list, 0 to 1'],
    ['{"order":[0,"1"],"nodeRank":[0,1]}', 'order[1] is "1"'],
    ['{"nodeRank":[0,1]}', 'order is missing: want a list'],
    ['{"order":[0],"nodeRank":[0]}', 'nodeRank has 1 numbers: want each from 0 to 1 once'],
    ['{"order":[0],"nodeRank":[0,0]}', 'nodeRank has 0 twice: want each from 0 to 1 once'],
  ])('%j is refused', (text, sentence) => {
    expect(readOpenbOrder(text, LISTS)).toEqual({ ok: false, error: expect.stringContaining(sentence) });
  });
});
