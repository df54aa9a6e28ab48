// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { exposition } from '../../../../src/adapters/exposition/prometheus.js';
import { familiesOf, METRICS } from '../../../../src/observing/metrics.js';
import { usageOf } from '../../../../src/observing/usage.js';
import { aNode, aRegion, aSlot } from '../../observing/readings.js';

describe('Prometheus text', () => {
  it('tells kind and help of every metric, also of one without samples', async () => {
    const text = await exposition(familiesOf(usageOf(aNode({ devices: [], slots: [] }))));
    for (const { name, kind, help } of METRICS)
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}`);
  });

  it('has one line a sample, with its labels', async () => {
    const regions = new Map([['s1', aRegion({ refusals: 3 })]]);
    const text = await exposition(familiesOf(usageOf(aNode({ regions }))));
    const labels = 'node="n1",device="GPU-1",namespace="a",pod="p",container="main"';
    expect(text).toContain(`kerf_slice_memory_refusals_total{${labels}} 3\n`);
    expect(text).toContain(`kerf_slice_memory_granted_bytes{${labels}} 4294967296\n`);
  });

  it('escapes what a tenant may have chosen', async () => {
    const slots = [aSlot({ container: 'a"b\nc' })];
    expect(await exposition(familiesOf(usageOf(aNode({ slots }))))).toContain('container="a\\"b\\nc"');
  });
});
