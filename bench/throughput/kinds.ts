// SPDX-License-Identifier: Apache-2.0
// The three kinds of scheduler. All run the same kube-scheduler with the same configuration but for the extender's stanza.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { removeIn, spawnIn, until } from '../../test/cluster/index.js';
import { ROOT } from '../../test/cluster/kerf/artefacts.js';
import { EXTENDER_PORT } from '../../test/cluster/kerf/ports.js';
import { findProgram } from '../../test/cluster/index.js';
import type { Stage } from './stage.js';

export const KINDS = ['bare', 'do-nothing', 'kerf'] as const;
export type Kind = (typeof KINDS)[number];

const SCHEDULER = 'throughput-kube-scheduler';
const EXTENDER = 'throughput-extender';
const START_MS = 120_000;

/** Programs whose CPU time is counted. */
export const COUNTED = {
  scheduler: SCHEDULER,
  extender: EXTENDER,
  apiServer: 'kube-apiserver',
  etcd: 'etcd',
} as const;

export type Counted = keyof typeof COUNTED;

/** Starts the kind's extender; answers how long it took until it was ready, in seconds (0 for none). */
export async function startExtender(stage: Stage, kind: Kind): Promise<number> {
  if (kind === 'bare') return 0;
  const { cluster, kubeconfig, extenderUrl } = stage;
  const args = {
    'do-nothing': [stage.doNothing, String(EXTENDER_PORT), kubeconfig],
    kerf: [stage.kerf, '--kubeconfig', kubeconfig, '--extender-listen', `127.0.0.1:${EXTENDER_PORT}`],
  };
  const env = { NODE_ENV: 'production' };
  const start = performance.now();
  await spawnIn(cluster, { name: EXTENDER, env, argv: [process.execPath, ...args[kind]] });
  const isReady = (): Promise<boolean> => fetch(`${extenderUrl}/readyz`).then(wasGood, () => false);
  if (!(await until(isReady, START_MS, 10)))
    throw new Error(`the ${kind} extender is not ready after ${START_MS / 1000} s`);
  return (performance.now() - start) / 1000;
}

async function wasGood(answer: Response): Promise<boolean> {
  await answer.text();
  return answer.ok;
}

export async function startScheduler({ cluster }: Stage, kind: Kind): Promise<void> {
  const kubeconfig = join(cluster.stateDir, 'conf', 'scheduler.conf');
  const config = join(cluster.stateDir, 'conf', `throughput-${kind}.json`);
  writeFileSync(config, JSON.stringify(configurationOf(kind, kubeconfig)));
  const argv = ['kube-scheduler', `--config=${config}`, '--secure-port=0'];
  await spawnIn(cluster, { name: SCHEDULER, argv });
}

/** That which we ship, with the client's rate unleashed: the bench is not about throttling. */
function configurationOf(kind: Kind, kubeconfig: string): object {
  const text = readFileSync(join(ROOT, 'scheduler-config', 'kube-scheduler.yaml'), 'utf8');
  const { extenders, ...shipped } = parse(text) as Readonly<Record<string, object>>;
  return {
    ...shipped,
    clientConnection: { kubeconfig, qps: 5000, burst: 10_000 },
    leaderElection: { leaderElect: false },
    ...(kind === 'bare' ? {} : { extenders }),
  };
}

export const stopScheduler = (stage: Stage): Promise<void> => stop(stage, SCHEDULER);
export const stopExtender = (stage: Stage): Promise<void> => stop(stage, EXTENDER);

async function stop({ cluster }: Stage, name: string): Promise<void> {
  if (findProgram(cluster, name) !== undefined) await removeIn(cluster, name);
}
