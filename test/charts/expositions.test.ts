// SPDX-License-Identifier: Apache-2.0
// What the programs serve at /metrics, judged by a real Prometheus. Node's own metrics are prom-client's to name.
import { beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../device-plugin/metrics.js';
import { ownRegistry } from '../../src/adapters/exposition/own-registry.js';
import { exposition } from '../../src/adapters/exposition/prometheus.js';
import { SchedulerRegistry } from '../../src/adapters/exposition/scheduler-registry.js';
import { familiesOf } from '../../src/observing/metrics.js';
import { usageOf } from '../../src/observing/usage.js';
import { aNode, aReading, aRegion, aSlot } from '../unit/observing/readings.js';
import { prometheusBin, promtool } from './promtool.js';

beforeAll(prometheusBin, 600_000);

/** Names and models that Prometheus must be told with care. */
const ODD = { namespace: 'a', name: 'p', uid: 'u"1\\' };

const EXPOSITIONS: Readonly<Record<string, () => Promise<string>>> = {
  monitor: () => {
    const devices = [aReading({ model: 'A "100"\nTi \\' })];
    const node = aNode({ devices, slots: [aSlot({ pod: ODD })], regions: new Map([['s1', aRegion({})]]) });
    return exposition(familiesOf(usageOf(node)), ownRegistry('monitor'));
  },
  'device plugin': () => {
    const free = { slot: 's', ids: [], pod: null, enforcement: 'pending' as const };
    const metrics = createMetrics({ slots: () => [aSlot(), free], devices: () => [] });
    metrics.xids.inc({ device: 'GPU-1', xid: '48' });
    metrics.preStartSeconds.observe(0.1);
    return metrics.registry.metrics();
  },
  scheduler: async () => {
    const registry = new SchedulerRegistry();
    registry.observe('verbSeconds', 0.1, { verb: 'filter' });
    registry.count('refusals', { verb: 'filter', kind: 'NoSlots' });
    return (await registry.text()).body;
  },
};

const isOurs = (line: string): boolean => /^(# (HELP|TYPE) )?kerf_/.test(line);

describe.each(Object.entries(EXPOSITIONS))('/metrics of the %s', (_program, tell) => {
  it('is right, says promtool', async () => {
    const lines = (await tell()).split('\n').filter(isOurs);
    expect(lines.length).toBeGreaterThan(20);
    expect(await promtool(['check', 'metrics'], { input: `${lines.join('\n')}\n` })).toBe('');
  });

  it('is read whole, Node’s own metrics too', async () => {
    const said = await promtool(['check', 'metrics'], { input: await tell() });
    expect(said).not.toContain('error while linting');
    expect(said.split('\n').filter((line) => line.startsWith('kerf_'))).toEqual([]);
  });
});
