// SPDX-License-Identifier: Apache-2.0
// Journey p: `kerf doctor` on a real node, as it stands and with one thing after the other out of order.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKS } from '../../src/adapters/doctor/examine.js';
import { RUNTIME_CONFIG } from '../../src/adapters/doctor/strangers.js';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { FAKE_DIR } from '../cluster/kerf/fake-gpus.js';
import { endJourney, type Journey, startJourney } from './support/journey.js';

interface Told {
  readonly ok: boolean;
  readonly checks: readonly { readonly check: string; readonly verdict: string; readonly told: string }[];
}

const NODE = 'n1';

describe('kerf doctor on a node that serves slices', () => {
  let journey: Journey;

  const doctor = async (...args: readonly string[]): Promise<{ code: number; told: Told }> => {
    const ran = await journey.cluster.exec(NODE, [
      ...['env', `KERF_FAKE_DIR=${FAKE_DIR}`, process.execPath, ARTEFACTS.cli, 'doctor', '--json'],
      ...['--nvml-library', ARTEFACTS.fakeNvml],
      ...['--library-dir', ARTEFACTS.libraries, ...args],
    ]);
    return { code: ran.code, told: JSON.parse(ran.stdout) as Told };
  };
  const verdictOf = ({ checks }: Told, name: string): string | undefined =>
    checks.find(({ check }) => check === name)?.verdict;
  const onNode = async (script: string): Promise<void> => {
    const ran = await journey.cluster.exec(NODE, ['sh', '-ec', script]);
    if (ran.code !== 0) throw new Error(`${script}: ${ran.stderr}`);
  };

  beforeAll(async () => {
    journey = await startJourney('p');
  });
  afterAll(async () => {
    if (journey !== undefined) await onNode(`rm -rf $(dirname ${RUNTIME_CONFIG})`);
    await endJourney(journey);
  });

  it('fails nothing, and says what it saw', async () => {
    const { code, told } = await doctor();
    expect(told.checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    expect([code, told.ok]).toEqual([0, true]);
    expect(told.checks.map(({ check }) => check)).toEqual(CHECKS.map(({ name }) => name));
    const sound = [
      'driver',
      'library',
      'cdi-folder',
      'cdi-spec',
      'runtime',
      'kubelet',
      'state-folder',
      'other-plugin',
    ];
    expect(sound.map((name) => [name, verdictOf(told, name)])).toEqual(sound.map((name) => [name, 'ok']));
    expect(told.checks[0]?.told).toContain('tells 8 devices');
    expect(verdictOf(told, 'visible-devices')).toBe('skipped');
  });

  it('finds a runtime that gives devices to pods that never asked', async () => {
    const key = 'accept-nvidia-visible-devices-envvar-when-unprivileged';
    await onNode(`mkdir -p $(dirname ${RUNTIME_CONFIG}); echo '#${key} = true' > ${RUNTIME_CONFIG}`);
    const { code, told } = await doctor();
    expect([code, verdictOf(told, 'visible-devices')]).toEqual([1, 'fail']);
    await onNode(`echo '${key} = false' > ${RUNTIME_CONFIG}`);
    expect(verdictOf((await doctor()).told, 'visible-devices')).toBe('ok');
  });

  it('finds what lies elsewhere', async () => {
    const { code, told } = await doctor('--cri-socket', '/run/none.sock', '--kubelet-dir', '/var/lib/none');
    expect(code).toBe(1);
    const failing = told.checks.filter(({ verdict }) => verdict === 'fail').map(({ check }) => check);
    expect(failing).toEqual(['runtime', 'kubelet']);
  });
});
