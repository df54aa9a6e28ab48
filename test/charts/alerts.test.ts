// SPDX-License-Identifier: Apache-2.0
// Rules and boards, judged by a real Prometheus: each alert is made to fire, and is quiet on a good day.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { dashboards } from '../../charts/dashboards/make.mjs';
import { ESCAPE_METRICS } from '../../src/observing/escape-metrics.js';
import { METRICS } from '../../src/observing/metrics.js';
import { ALERT_CASES } from './alert-cases.js';
import { checkExpressions, prometheusBin, promtool, type RuleFile } from './promtool.js';
import { questionsOf } from './questions.js';
import { find, render, type Rendered, ROOT } from './render.js';

/** Fetching Prometheus and building helm, once on a bare machine. */
const SLOW = 600_000;
const NAMED = { 'alerts.runbooks': 'https://example.com/alerts.md', 'alerts.prometheusRule.enabled': 'true' };
const BOARDS = join(ROOT, 'charts', 'kerf', 'dashboards');

let objects: readonly Rendered[] = [];
let text = '';
beforeAll(async () => {
  await prometheusBin();
  objects = await render(NAMED);
  text = find(objects, 'ConfigMap', 'kerf-alerts').data['kerf.yaml'] as string;
}, SLOW);

const rulesOf = ({ groups }: RuleFile) => groups.flatMap(({ rules }) => rules);
const source = readFileSync(join(ROOT, 'charts', 'kerf', 'alerts', 'kerf.yaml'), 'utf8');
const RULES = rulesOf(parse(source) as RuleFile);

describe('the alert rules', () => {
  it('are right, says promtool', async () => {
    expect(await promtool(['check', 'rules', 'kerf.yaml'], { files: { 'kerf.yaml': text } })).toBe('');
  });

  it('are the same for the Prometheus Operator', () => {
    expect(find(objects, 'PrometheusRule', 'kerf').spec).toEqual(parse(text));
  });

  it('have one name, a severity, a summary, a description and a runbook each', () => {
    const rules = rulesOf(parse(text) as RuleFile);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
      expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook_url']);
      expect(annotations.runbook_url).toBe(`https://example.com/alerts.md#${alert.toLowerCase()}`);
    }
  });

  it('stand in docs/alerts.md in this order with their severities, and nothing else does', () => {
    const page = readFileSync(join(ROOT, 'docs', 'alerts.md'), 'utf8');
    const told = [...page.matchAll(/^### (\w+)\n`(\w+)`\./gm)].map(([, alert, severity]) => [
      alert,
      severity,
    ]);
    expect(told).toEqual(RULES.map(({ alert, labels }) => [alert, labels.severity]));
    expect(page.match(/^### /gm)).toHaveLength(told.length);
  });

  it('have a case each', () => {
    expect(Object.keys(ALERT_CASES)).toEqual(RULES.map(({ alert }) => alert));
  });

  it.each(Object.entries(ALERT_CASES))(
    '%s fires, and is quiet on a good day',
    async (alert, { fires, quiet }) => {
      const rules = RULES.filter((rule) => rule.alert === alert);
      const test = {
        rule_files: ['rule.yaml'],
        evaluation_interval: '1m',
        tests: [firing(alert, fires, [{ labels: '{}', value: 1 }]), firing(alert, quiet, [])],
      };
      const files = {
        'rule.yaml': stringify({ groups: [{ name: 'one', rules }] }),
        'test.yaml': stringify(test),
      };
      expect(await promtool(['test', 'rules', 'test.yaml'], { files })).toBe('');
    },
  );
});

/** A promtool test: after these series `alert` is in force as often as told. */
const firing = (
  alert: string,
  series: Readonly<Record<string, string>>,
  expected: readonly object[],
): object => ({
  interval: '1m',
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  promql_expr_test: [
    {
      expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
      eval_time: '140m',
      exp_samples: expected,
    },
  ],
});

describe('the dashboards', () => {
  it('are what `npm run dashboards` makes', () => {
    const lying = readdirSync(BOARDS).map(
      (file) => [file, readFileSync(join(BOARDS, file), 'utf8')] as const,
    );
    expect(Object.fromEntries(lying)).toEqual(dashboards());
  });

  it('reach Grafana as ConfigMaps with its label', () => {
    const found = objects.filter(({ metadata }) => metadata.labels.grafana_dashboard === '1');
    const data = found.map((each) => each.data as Record<string, string>);
    const files = Object.fromEntries(data.flatMap((each) => Object.entries(each)));
    expect(files).toEqual(
      Object.fromEntries(Object.entries(dashboards()).map(([file, board]) => [`kerf-${file}`, board])),
    );
  });

  it('ask in PromQL, says promtool', async () => {
    expect(await checkExpressions(questionsOf(dashboards()).map(({ expr }) => expr))).toBe('');
  });

  it('have no panel without a title, a description and a question', () => {
    for (const { board, panel, help } of questionsOf(dashboards()))
      expect([board, panel !== '', help !== '']).toEqual([board, true, true]);
  });

  it('show every metric of the monitor', () => {
    const asked = questionsOf(dashboards()).map(({ expr }) => expr);
    const all = [...METRICS, ...ESCAPE_METRICS].map(({ name }) => name);
    expect(all.filter((name) => !asked.some((expr) => new RegExp(`\\b${name}\\b`).test(expr)))).toEqual([]);
  });
});
