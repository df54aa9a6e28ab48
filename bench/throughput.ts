// SPDX-License-Identifier: Apache-2.0
// Pods bound per second by a real kube-scheduler on a real API server: alone, with an extender that decides nothing,
// and with Kerf. In turn in one run, for all share the machine and its noise.
import { downCluster } from '../test/cluster/index.js';
import type { Row } from './report.js';
import { KINDS, type Kind } from './throughput/kinds.js';
import { memoryRows } from './throughput/memory.js';
import { runOnce } from './throughput/round.js';
import { contactRows, type Rounds, sizeRows, storedRows } from './throughput/rows.js';
import { KNOBS, readSettings, type Settings } from './throughput/settings.js';
import { CLUSTER, growTo, openStage, type Stage } from './throughput/stage.js';

export const about = `pods bound per second through a real kube-scheduler: bare, do-nothing extender, Kerf (about 12 minutes; ${KNOBS})`;

const say = (step: string): void => console.error(`throughput: ${step}`);

export async function run(): Promise<readonly Row[]> {
  const settings = readSettings(process.env);
  const letGo = leaveNothingBehind();
  await downCluster(CLUSTER);
  try {
    const stage = await openStage(say);
    const rates = await measure(stage, settings);
    await stage.client.close();
    await downCluster(CLUSTER);
    return [...rates, ...(await memoryRows(say)), ...storedRows()];
  } finally {
    await downCluster(CLUSTER);
    letGo();
  }
}

async function measure(stage: Stage, settings: Settings): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let made = 0;
  for (const nodes of settings.nodes) {
    say(`making nodes ${made} to ${nodes}`);
    await growTo(stage.cluster, made, nodes);
    made = nodes;
    const rounds = await roundsOf(stage, settings, nodes);
    rows.push(...contactRows(nodes, rounds), ...sizeRows(nodes, rounds));
  }
  return rows;
}

/** Each round begins with another kind, so that none always follows the same one. */
async function roundsOf(stage: Stage, { pods, rounds }: Settings, nodes: number): Promise<Rounds> {
  const all: Rounds = { bare: [], 'do-nothing': [], kerf: [] };
  for (let round = 0; round < rounds; round++)
    for (const kind of turned(KINDS, round)) {
      const sayWhere = (step: string): void =>
        say(`${nodes} nodes, round ${round + 1} of ${rounds}: ${step}`);
      all[kind].push(await runOnce(stage, kind, { pods, say: sayWhere }));
    }
  return all;
}

const turned = (kinds: readonly Kind[], by: number): readonly Kind[] => {
  const at = by % kinds.length;
  return [...kinds.slice(at), ...kinds.slice(0, at)];
};

/** On Ctrl-C too; answers how to stop caring. A cluster that is just coming up is waited for, then ended. */
function leaveNothingBehind(): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const end = (): void => {
    for (const signal of signals) process.on(signal, () => {});
    say('stopping: ending the cluster');
    void downCluster(CLUSTER).finally(() => process.exit(130));
  };
  for (const signal of signals) process.once(signal, end);
  return () => {
    for (const signal of signals) process.removeListener(signal, end);
  };
}
