// SPDX-License-Identifier: Apache-2.0
// The fake driver's time: what a stream, an event, a graph and a capture do, how processes share a GPU, and the clock
// that makes all of it the same in each run.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BUILT, buildNative, fakeGpus, makeMachine, PATHS } from './build.js';
import { type Busy, clockEnv, type Load, loadArgs } from './compute-stage.js';

const FACTS = `${BUILT}/bin/fake-time`;

let folder: string;

beforeAll(() => buildNative(), 120_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kerf-time-'));
  makeMachine(folder, 'A100-40G');
});
afterEach(() => rmSync(folder, { recursive: true }));

const envOf = (parties: number): NodeJS.ProcessEnv => ({
  ...process.env,
  ...clockEnv(folder, parties),
  KERF_FAKE_DIR: folder,
  LD_LIBRARY_PATH: PATHS.fakeFolder,
});

const aLoad = (load: Partial<Load> = {}): Load => ({
  pattern: 'async',
  kernelUs: 1000,
  procs: 1,
  seconds: 1,
  ...load,
});

interface Launched {
  readonly seconds: number;
  readonly launches: number;
}

function start(load: Load, parties: number) {
  const [command = '', ...args] = loadArgs(load);
  return spawn(command, args, { env: envOf(parties), stdio: ['ignore', 'pipe', 'inherit'] });
}

function runAlone(load: Load): Launched {
  const [command = '', ...args] = loadArgs(load);
  const ran = spawnSync(command, args, { env: envOf(load.procs), encoding: 'utf8' });
  return JSON.parse(ran.stdout) as Launched;
}

const busy = (): Busy =>
  JSON.parse(spawnSync(PATHS.fakeGpus, ['busy', folder], { encoding: 'utf8' }).stdout) as Busy;

const contextOf = (pid: number | undefined): Busy['contexts'][number] | undefined =>
  busy().contexts.find((context) => context.pid === pid);

/** Real time: processes of the machine come and go in it. */
async function until(claim: () => boolean): Promise<void> {
  while (!claim()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('the fake driver', () => {
  it.each([
    'launches_return_at_once_and_waits_take_the_time',
    'events_hold_the_gpus_time',
    'small_kernels_run_beside_each_other_and_large_ones_do_not',
    'the_legacy_stream_waits_for_blocking_ones_and_they_for_it',
    'a_stream_waits_for_another_ones_event',
    'a_full_queue_blocks_the_launch',
    'a_host_function_has_its_turn_in_the_stream',
    'a_destroyed_contexts_work_is_gone',
    'waves_of_blocks_take_their_time_each',
    'a_captured_graph_takes_its_kernels_time_when_launched',
    'a_changed_graph_takes_the_new_time',
    'a_capture_that_forks_has_to_join',
    'waiting_for_a_capturing_stream_breaks_the_capture',
    'asking_for_an_event_breaks_it_unless_the_thread_is_relaxed',
    'the_legacy_stream_is_closed_while_a_blocking_one_captures',
    'nvml_tells_the_last_seconds_use',
  ])('%s', (fact) => {
    const ran = spawnSync(FACTS, [fact], { env: envOf(1), encoding: 'utf8', timeout: 10_000 });
    expect([ran.status, ran.stderr]).toEqual([0, '']);
  });
});

describe('a GPU of several processes', () => {
  it('gives each its slices in turn, and is never idle between them', () => {
    runAlone(aLoad({ procs: 4, pattern: 'sync' }));
    const { gpus, contexts } = busy();
    expect(gpus[0]?.busy_ns).toBeGreaterThan(0.999e9);
    expect(contexts.map(({ busy_ns }) => Math.round(busy_ns / 1e7))).toEqual([25, 25, 25, 25]);
  });

  it('runs them at once under MPS, where small kernels do not slow each other', () => {
    fakeGpus('share', folder, 'together');
    const { launches, seconds } = runAlone(aLoad({ procs: 2, pattern: 'sync', kernelUs: 1000 }));
    expect(launches / seconds).toBeCloseTo(1000, -1);
    expect(busy().gpus[0]?.busy_ns).toBeGreaterThan(0.999e9);
  });

  it('forgets the work of one that was killed, and time goes on for the others', async () => {
    const killed = start(aLoad({ kernelUs: 50_000, seconds: 1e6 }), 2);
    const other = start(aLoad({ pattern: 'sync', seconds: 1e6 }), 2);
    await until(() => busy().contexts.length === 2);
    killed.kill('SIGKILL');
    await until(() => contextOf(killed.pid)?.is_live === false);
    const before = contextOf(other.pid)?.busy_ns ?? Number.POSITIVE_INFINITY;
    await until(() => (contextOf(other.pid)?.busy_ns ?? 0) > before);
    other.kill('SIGKILL');
    await once(other, 'exit');
  });
});

describe('the virtual clock', () => {
  it('makes every run the same', () => {
    const load = aLoad({ procs: 4, kernelUs: 37, seconds: 0.5 });
    const figures = [1, 2].map(() => {
      rmSync(join(folder, 'clock'), { force: true });
      makeMachine(folder, 'A100-40G');
      const { launches, seconds } = runAlone(load);
      return { launches, seconds, contexts: busy().contexts.map((context) => ({ ...context, pid: 0 })) };
    });
    expect(figures[1]).toEqual(figures[0]);
  });

  it('lets a long sleep be through at once, in order', () => {
    const { launches, seconds } = runAlone(aLoad({ procs: 2, seconds: 3600, gapUs: 60_000_000 }));
    expect(seconds).toBeGreaterThanOrEqual(3600);
    expect(launches).toBe(2 * 60);
  });
});
