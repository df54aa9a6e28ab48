// SPDX-License-Identifier: Apache-2.0
// A real API server takes every object of the chart, workloads too, to the letter (unknown fields are refused).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, downCluster, ensureHelm, upCluster } from '../index.js';
import { type ChartObject, renderChart } from './chart.js';

const NAME = 'chart';
let cluster: Cluster;

beforeAll(async () => {
  await ensureHelm(() => undefined);
  cluster = await upCluster({ name: NAME, apiOnly: true });
  await cluster.kubectl(['create', 'namespace', 'kerf-system']);
}, 600_000);
afterAll(() => downCluster(NAME), 60_000);

const dryRun = (items: readonly ChartObject[]) =>
  cluster.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });

describe('the chart', () => {
  it.each([
    ['run as processes', {}],
    ['run as pods', { 'webhook.url': '', 'webhook.caBundle': '' }],
    ['renamed', { 'vendors.nvidia.count': 'example.com/gpu', 'scheduler.name': 'other' }],
  ])('%s is taken whole', async (_name, values) => {
    const objects = await renderChart(cluster, values as Record<string, string>);
    expect(objects.length).toBeGreaterThan(20);
    const { code, stdout, stderr } = await dryRun(objects);
    expect(`${code} ${stderr}`).toBe('0 ');
    expect(stdout.trim().split('\n')).toHaveLength(objects.length);
  });
});
