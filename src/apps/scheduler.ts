// SPDX-License-Identifier: Apache-2.0
// Door of rooms 1 to 4: beside a stock kube-scheduler, answers its extender calls and the API server's admission
// questions.
//
//   API server ══ watch ══▶ reflectors ─▶ follow ─▶ ledger ◀─ filter, prioritize ◀─ kube-scheduler
//       ▲ └─ admission ───▶ webhook                   ▲ assume
//       └───────────────── one binding per pod ───── bind ◀──────────────────────── kube-scheduler
import { pino } from 'pino';
import { buildScheduler } from './scheduler/build.js';
import { readSchedulerOptions } from './scheduler/options.js';

const options = readSchedulerOptions(process.argv, process.env);
/** A line a pod is bound: written several at once, half a second later at most, and at the end. */
const lines = pino.destination({ sync: false, minLength: 4096, periodicFlush: 500 });
const log = pino({ name: 'kerf-scheduler', level: options.logLevel }, lines);

async function main(): Promise<void> {
  const scheduler = await buildScheduler(options, log);
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      log.info({ signal }, 'stopping');
      scheduler.stop().then(
        () => process.exit(0),
        (fault: unknown) => {
          log.error({ err: fault }, 'stopping failed');
          process.exit(1);
        },
      );
    });
  log.info({ extenderPort: scheduler.extenderPort, webhookPort: scheduler.webhookPort }, 'listening');
  await scheduler.synced;
  log.info({ ...scheduler.counts() }, 'synced');
}

main().catch((fault: unknown) => {
  log.fatal({ err: fault }, 'cannot start');
  process.exit(1);
});
