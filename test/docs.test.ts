// SPDX-License-Identifier: Apache-2.0
// Pages that list what the code has are held to the code, both ways.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../src/core/policies.js';
import { METRICS } from '../src/observing/metrics.js';
import { SCHEDULER_METRICS } from '../src/observing/scheduler-metrics.js';
import * as names from '../src/wire/names.js';
import { ROOT } from './architecture/tree.js';

const page = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** First cells, in backquotes, of the rows of a page's tables. */
function rowsOf(path: string): string[][] {
  return page(path)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

describe('docs/names.md', () => {
  it('lists every name of src/wire/names.ts, and no other', () => {
    const listed = Object.fromEntries(rowsOf('docs/names.md').map(([name, constant]) => [constant, name]));
    const exported = Object.entries(names).filter(([, value]) => typeof value === 'string');
    expect(listed).toEqual(Object.fromEntries(exported));
  });
});

describe('docs/asking.md', () => {
  it('lists every policy with what it is for, and no other', () => {
    const listed = rowsOf('docs/asking.md').flatMap(([name = '', use = '']) =>
      /^(node, )?device$/.test(use) ? [[name.replace(/ .*/, ''), use]] : [],
    );
    const known = DEVICE_POLICY_NAMES.map((name) => [
      name,
      NODE_POLICY_NAMES.some((each) => each === name) ? 'node, device' : 'device',
    ]);
    expect(listed.toSorted()).toEqual(known.toSorted());
    expect(DEVICE_POLICY_NAMES).toEqual(expect.arrayContaining([...NODE_POLICY_NAMES]));
  });
});

describe('docs/metrics.md', () => {
  it('lists every metric with its kind, unit and help, and no other', () => {
    const all = [...METRICS, ...Object.values(SCHEDULER_METRICS)];
    const exported = all.map((metric) => [metric.name, metric.kind, metric.unit, metric.help]);
    expect(rowsOf('docs/metrics.md')).toEqual(exported);
  });

  it.each(METRICS)('$name ends in its unit', ({ name, kind, unit }) => {
    expect(name).toMatch(/^kerf_(device|slice|monitor)_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(kind === 'counter');
    if (unit === 'bytes' || unit === 'ratio')
      expect(name.replace(/_total$/, '')).toMatch(new RegExp(`_${unit}$`));
  });
});
