// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { churnRows, exactRow, workloadRows } from '../../../bench/openb/rows.js';
import type { Run } from '../../../src/apps/cli/simulation.js';

const failed = { cpu: 0, share: 1, gpu1: 1, gpu2: 0, gpu4: 0, gpu8: 2 };
const aRun = (row: Partial<Run>): Run => ({
  ...{ policy: 'fgd', workload: 'default', seed: 42, allocation: 0.9528992273 },
  ...{ fragmentation: 1, failed, arrivals: 10, seconds: 1 },
  ...row,
});

const runs = [
  aRun({}),
  aRun({ seed: 43, allocation: 0.95 }),
  aRun({ policy: 'fragmentation', allocation: 0.96 }),
  aRun({ policy: 'fragmentation', seed: 43, allocation: 0.96 }),
];

describe('the openb bench', () => {
  it('holds when Kerf is half a point above FGD on default and fails no more wide pods', () => {
    const rows = workloadRows('default', runs);
    expect(rows.map(({ metric, bar, holds }) => [metric, bar, holds])).toEqual([
      ['default, 2 orders: fgd ± 0.21', '', null],
      ['default, 2 orders: fragmentation ± 0.00', '', null],
      ['default, 2 orders: above fgd', '≥ 0.5', true],
      ['default, 2 orders: failed gpu8 pods', '≤ 4 of fgd', true],
    ]);
    expect(rows[2]?.value).toBeCloseTo(0.855, 3);
  });

  it('misses the bar when allocation is bought with wide pods', () => {
    const bought = runs.map((run) =>
      run.policy === 'fragmentation' ? { ...run, failed: { ...failed, gpu8: 3 } } : run,
    );
    expect(workloadRows('default', bought).map(({ holds }) => holds)).toEqual([null, null, true, false]);
  });

  it('asks of other workloads not to be below FGD, of churn a fifth of a point', () => {
    expect(workloadRows('cpu250', runs)[2]?.bar).toBe('≥ 0');
    expect(churnRows(runs)[2]?.bar).toBe('≥ 0.2');
  });

  it('checks FGD itself', () => {
    expect(exactRow(runs)).toMatchObject([{ value: 5_919_410, holds: true }]);
    expect(exactRow([aRun({ allocation: 0.95 })])).toMatchObject([{ holds: false }]);
    expect(exactRow([])).toEqual([]);
  });
});
