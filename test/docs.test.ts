// SPDX-License-Identifier: Apache-2.0
// Pages that list what the code has are held to the code, both ways.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../device-plugin/metrics.js';
import { BUILD_METRIC } from '../src/adapters/exposition/own-registry.js';
import { CHECKS } from '../src/adapters/doctor/examine.js';
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../src/core/policies.js';
import { ESCAPE_METRICS } from '../src/observing/escape-metrics.js';
import { SHARING_METRICS } from '../src/observing/sharing-metrics.js';
import { LEDGER_METRICS } from '../src/observing/ledger-metrics.js';
import { HAMI_METRICS } from '../src/observing/hami-metrics.js';
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

/** As prom-client holds it; its types do not tell the labels. */
interface Registered {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

const UNITS = ['seconds', 'bytes', 'ratio', 'info'];
const unitIn = (name: string): string =>
  UNITS.find((unit) => name.replace(/_total$/, '').endsWith(`_${unit}`)) ?? 'count';

/** Of the device plugin, whose table is its registry; Node's own are not ours to list. */
const pluginMetrics = () =>
  (
    createMetrics({
      slots: () => [],
      devices: () => [],
    }).registry.getMetricsAsArray() as unknown as Registered[]
  )
    .filter(({ name }) => /^kerf_(?!build)/.test(name))
    .map(({ name, type, help, labelNames }) => ({ name, kind: type, help, labels: labelNames }));

describe('docs/doctor.md', () => {
  it('lists every check with what it looks at, in order, and no other', () => {
    expect(rowsOf('docs/doctor.md')).toEqual(CHECKS.map(({ name, about }) => [name, about]));
  });
});

describe('docs/moving-from-hami.md', () => {
  it('lists every metric under HAMi’s name, and no other', () => {
    const told = rowsOf('docs/moving-from-hami.md').flatMap(([name = '']) =>
      name.startsWith('hami_') ? [name] : [],
    );
    expect(told).toEqual(HAMI_METRICS.map(({ name }) => name));
  });
});

describe('docs/metrics.md', () => {
  const tables = [
    BUILD_METRIC,
    ...METRICS,
    ...SHARING_METRICS,
    ...ESCAPE_METRICS,
    ...LEDGER_METRICS,
    ...Object.values(SCHEDULER_METRICS),
  ];

  it('lists every metric with its kind, unit, labels and help, and no other', () => {
    const plugin = pluginMetrics().map((metric) => ({ ...metric, unit: null }));
    const exported = [...tables, ...plugin].map(({ name, kind, unit, labels, help }) => {
      const rows = rowsOf('docs/metrics.md').filter((row) => row[0] === name);
      // The registry of the plugin keeps no unit: the page may call a gauge of 0 and 1 a bool.
      const said = unit ?? (unitIn(name) === 'count' && rows[0]?.[2] === 'bool' ? 'bool' : unitIn(name));
      return [name, kind, said, labels.join(', '), help];
    });
    expect(rowsOf('docs/metrics.md').toSorted()).toEqual(exported.toSorted());
  });

  it.each([...tables, ...pluginMetrics()])('$name ends in its unit', (metric) => {
    const { name, kind } = metric;
    expect(name).toMatch(/^kerf_(build|device|escape|slice|monitor|plugin|scheduler)_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(kind === 'counter');
    if ('unit' in metric) expect(unitIn(name)).toBe(metric.unit === 'bool' ? 'count' : metric.unit);
  });
});
