// SPDX-License-Identifier: Apache-2.0
// Journey s: a running pod is made larger and smaller by `kerf resize`, a resize that has no room is refused at the
// pod, and neither the scheduler nor the node's agent, killed in the middle, leaves it between two sizes.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARTEFACTS } from '../cluster/kerf/artefacts.js';
import { getInside, PROGRAMS } from '../cluster/kerf/install.js';
import { EXTENDER_PORT } from '../cluster/kerf/ports.js';
import { crash } from './support/chaos.js';
import {
  endJourney,
  execIn,
  type Journey,
  lastJson,
  placementOf,
  slotsOf,
  startJourney,
} from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { waitFor } from './support/wait.js';

const N2 = { nodeSelector: { 'kubernetes.io/hostname': 'n2' } };
/** Keeps one program running that takes orders from /tmp/in. */
const ASKED = [
  'sh',
  '-c',
  'busybox mkfifo /tmp/in; exec 3<>/tmp/in; kerf-workload ask </tmp/in >/tmp/out; exit 1',
];
/** A program that has just started says so in the first line; one that ends never answers. */
const TELL = `[ -s /tmp/out ] || exit 1
n=$(wc -l </tmp/out)
echo "$0" >/tmp/in
for i in $(seq 200); do
  [ $(wc -l </tmp/out) -gt $n ] && exec tail -n 1 /tmp/out
  sleep 0.05
done
exit 1`;

/** Long enough for a question asked meanwhile. */
const DOWN_MS = 2_000;

interface Said {
  readonly code: number;
  readonly held_mib: number;
}

describe('a running pod', () => {
  let journey: Journey;

  const kerf = async (...args: readonly string[]): Promise<{ code: number; text: string }> => {
    const flags = ['--kubeconfig', journey.cluster.kubeconfigPath, '-n', journey.namespace];
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [ARTEFACTS.cli, ...args, ...flags]);
      return { code: 0, text: stdout };
    } catch (fault) {
      const { code, stderr } = fault as { code: number; stderr: string };
      return { code, text: stderr };
    }
  };
  const resize = (memory: string, ...args: readonly string[]) =>
    kerf('resize', 'busy', '-c', 'main', '--gpu-mem', memory, ...args);

  /** What the program that runs since the beginning answers. */
  const say = async (order: string): Promise<Said> =>
    lastJson<Said>(await execIn(journey, { pod: 'busy', container: 'main' }, ['sh', '-c', TELL, order]));

  const given = async (): Promise<number | undefined> => {
    const { containers } = placementOf(await journey.api.pod(journey.namespace, 'busy'));
    return containers.find(({ name }) => name === 'main')?.slices[0]?.memory;
  };
  const onNode = async (): Promise<number | undefined> =>
    (await slotsOf(journey.cluster, 'n2')).find(
      (slot) => slot.pod?.name === 'busy' && slot.container === 'main',
    )?.slices[0]?.memoryMiB;
  const inLedger = async (): Promise<number | undefined> => {
    const text = await getInside(journey.cluster, `http://127.0.0.1:${EXTENDER_PORT}/v1/snapshot`);
    const { pods } = JSON.parse(text ?? '{"pods":[]}') as {
      pods: readonly {
        pod: string;
        placement: { containers: readonly { name: string; slices: readonly { memoryMiB: number }[] }[] };
      }[];
    };
    const own = pods.find((row) => row.pod === `${journey.namespace}/busy`);
    return own?.placement.containers.find(({ name }) => name === 'main')?.slices[0]?.memoryMiB;
  };
  /** Placement, ledger and node say the same. */
  const agreed = (memory: number) =>
    waitFor(
      `placement, ledger and node at ${memory} MiB`,
      async () => {
        const all = await Promise.all([given(), inLedger(), onNode()]);
        return all.every((each) => each === memory);
      },
      { timeoutMs: 20_000, everyMs: 100 },
    );
  const condition = async () =>
    (await journey.api.pod(journey.namespace, 'busy')).status.conditions?.find(
      ({ type }) => type === 'kerf.dev/Resized',
    );

  beforeAll(async () => {
    journey = await startJourney('s');
    const { namespace } = journey;
    await journey.api.createAll([
      pod(
        'busy',
        [
          container({ mem: 1024, cores: 20 }, { command: ASKED }),
          container({ percent: 5 }, { name: 'other' }),
        ],
        { namespace, spec: N2 },
      ),
    ]);
    await journey.api.running(namespace, 1);
    await waitFor('the program answers', async () => (await say('info')).code === 0);
  });
  afterAll(() => endJourney(journey));

  it('is refused memory beyond its slice, and gets it once it was made larger', async () => {
    expect(await say('alloc 2048')).toMatchObject({ code: 2, held_mib: 0 });
    const answer = await resize('3Gi', '--gpu-cores', '40');
    expect(answer).toMatchObject({ code: 0, text: expect.stringContaining('3072 MiB and 40 % of compute') });
    await agreed(3072);
    expect(await say('alloc 2048')).toMatchObject({ code: 0, held_mib: 2048 });
    expect(await condition()).toMatchObject({ status: 'True' });
  });

  it('keeps what it holds when it is made smaller, and may not grow', async () => {
    const answer = await resize('512');
    expect(answer).toMatchObject({ code: 0, text: expect.stringContaining('stays until it is freed') });
    await agreed(512);
    expect(await say('alloc 1')).toMatchObject({ code: 2, held_mib: 2048 });
  });

  it('is told by exit code, condition and Event why it cannot have more', async () => {
    const answer = await resize('999Gi');
    expect(answer).toMatchObject({ code: 1, text: expect.stringContaining('want less than') });
    expect(await condition()).toMatchObject({ status: 'False', reason: 'BecomesWhole' });
    await waitFor('the Event', async () =>
      (await journey.api.events(journey.namespace, 'busy')).some(({ reason }) => reason === 'ResizeRefused'),
    );
    await agreed(512);
  });

  it('is resized by the next scheduler where the first one was killed before it answered', async () => {
    const down = crash(journey.cluster, PROGRAMS.extender, DOWN_MS);
    await resize('4Gi', '--no-wait');
    await down;
    await agreed(4096);
  });

  it('is resized once however soon after the question the scheduler is killed', async () => {
    const asked = resize('5Gi', '--timeout', '40');
    await crash(journey.cluster, PROGRAMS.extender, 0);
    expect((await asked).code).toBe(0);
    await agreed(5120);
  });

  it('is resized on the node by the next agent where the first one was killed', async () => {
    const down = crash(journey.cluster, PROGRAMS.plugin('n2'), DOWN_MS);
    expect((await resize('6Gi')).code).toBe(0);
    await down;
    await agreed(6144);
    expect(await say('alloc 3072')).toMatchObject({ code: 0, held_mib: 5120 });
  });

  it('keeps its size when its container starts anew', async () => {
    await execIn(journey, { pod: 'busy', container: 'main' }, [
      'sh',
      '-c',
      'kill -9 $(busybox pidof kerf-workload)',
    ]);
    await waitFor('the program answers again', async () => (await say('info')).held_mib === 0);
    expect(await say('alloc 5000')).toMatchObject({ code: 0, held_mib: 5000 });
    await agreed(6144);
  });
});
