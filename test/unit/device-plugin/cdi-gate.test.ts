// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CdiGate } from '../../../device-plugin/cdi-gate.js';
import { FakeClock } from '../../fakes/clock.js';

const toldOf = (cdiSpecDirs: string[]) => ({
  name: 'containerd',
  version: 'v2.4.2',
  texts: { config: JSON.stringify({ cdiSpecDirs }) },
});
const ON = toldOf(['/var/run/cdi']);
const OFF = toldOf([]);
const SILENT = new Error('the container runtime at /x does not answer');

function aGate(answers: (typeof ON | Error)[], isAssumed = false) {
  const clock = new FakeClock();
  const said: string[] = [];
  const gate = new CdiGate({
    ask: async () => {
      const answer = answers.shift() ?? ON;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    cdiFolder: '/var/run/cdi',
    isAssumed,
    clock,
    open: () => void said.push('open'),
    shut: async () => void said.push('shut'),
    onProblem: (problem) => void said.push(problem.slice(0, 10)),
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return { gate, said, clock, settle };
}

describe('the gate before registration', () => {
  it.each([
    ['opens at once where CDI is on', [ON, ON], ['open']],
    ['opens when CDI is turned on', [OFF, OFF, ON], ['CDI is off', 'open']],
    ['waits for a runtime that is silent', [SILENT, ON], ['the contai', 'open']],
    ['shuts when a restarted runtime has CDI off', [ON, OFF], ['open', 'CDI is off', 'shut']],
    ['stays open while the runtime restarts', [ON, SILENT, ON], ['open']],
    ['opens again', [ON, OFF, ON], ['open', 'CDI is off', 'shut', 'open']],
  ])('%s', async (_, answers, then) => {
    const { gate, said, clock, settle } = aGate([...answers]);
    await gate.start();
    for (let look = 1; look < answers.length; look++) {
      clock.advance(10_000);
      await settle();
    }
    expect(said).toEqual(then);
    gate.stop();
    expect(clock.waiting).toBe(0);
  });

  it('asks nobody when the admin says that CDI is on', async () => {
    const { gate, said, clock } = aGate([OFF], true);
    await gate.start();
    expect([said, gate.problem, clock.waiting]).toEqual([['open'], '', 0]);
  });
});
