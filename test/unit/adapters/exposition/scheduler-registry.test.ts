// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { SchedulerRegistry } from '../../../../src/adapters/exposition/scheduler-registry.js';
import { SCHEDULER_METRICS } from '../../../../src/observing/scheduler-metrics.js';

it('exports every metric of the table under its name, with what was counted', async () => {
  const registry = new SchedulerRegistry();
  registry.count('refusals', { verb: 'filter', kind: 'NoSlots' });
  registry.count('refusals', { verb: 'filter', kind: 'NoSlots' }, 2);
  registry.set('holdings', 7, { state: 'held' });
  registry.observe('verbSeconds', 0.002, { verb: 'bind' });
  const { body, contentType } = await registry.text();
  expect(contentType).toContain('text/plain');
  for (const { name, kind, help } of Object.values(SCHEDULER_METRICS)) {
    expect(body).toContain(`# HELP ${name} ${help}\n`);
    expect(body).toContain(`# TYPE ${name} ${kind}\n`);
  }
  expect(body).toContain('kerf_scheduler_refusals_total{verb="filter",kind="NoSlots"} 3\n');
  expect(body).toContain('kerf_scheduler_ledger_pods{state="held"} 7\n');
  expect(body).toContain('kerf_scheduler_verb_duration_seconds_bucket{le="0.0025",verb="bind"} 1\n');
});

it('tells 0 of what may be counted, before the first of it', async () => {
  const { body } = await new SchedulerRegistry().text();
  expect(body).toContain('kerf_scheduler_decisions_total{verb="admit",outcome="error"} 0\n');
  expect(body).toContain('kerf_scheduler_troubles_total{kind="InventoryUnreadable"} 0\n');
  expect(body).toContain('kerf_scheduler_bind_retries_total 0\n');
});
