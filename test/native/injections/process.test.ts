// SPDX-License-Identifier: Apache-2.0
// Injections 1-10: processes that die, stop, fork, execute others, come in crowds, and threads that are taken away.
// docs/injections.md holds the table.
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyRegion, REGION, REGION_AT, REGION_SLOT_AT } from '../../../src/wire/region.js';
import { BUILT, buildNative } from '../build.js';
import { ended, lastJson, Machine, type Slice } from '../slice.js';
import {
  CODE,
  codesIn,
  freeBytes,
  lastStep,
  linesOf,
  MIB,
  runSteps,
  startSteps,
  stepsIn,
  takeableMiB,
} from './support.js';

const isLong = process.env.KERF_LONG === '1';
const LONG_MS = 3_600_000;

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
}, 120_000);

afterAll(() => machine.end());

const aSlice = (mib = 64): Slice => machine.slice({ gpu: machine.gpu(0), mib });

interface KillAt {
  readonly points: number;
  readonly wrong: number;
}

/** Work, first instruction, stride (0: spread over the whole), points. */
type Sweep = readonly [string, number, number, number];

const SHORT: readonly Sweep[] = [
  ['attach', 5000, 12_000, 3],
  ['reserve', 1, 0, 12],
  ['free', 1, 0, 12],
  ['async', 1, 0, 12],
  ['vmm', 1, 0, 12],
];
const WHOLE: readonly Sweep[] = [
  ['start', 1, 0, 60],
  ['attach', 1, 0, 200],
  ['reserve', 1, 3, 400],
  ['free', 1, 3, 400],
  ['async', 1, 5, 400],
  ['vmm', 1, 7, 400],
];

function killAt(signal: number, [work, first, stride, count]: Sweep): void {
  const args = [work, signal, first, stride, count].map(String);
  const ran = aSlice().run([`${BUILT}/bin/kill-at`, ...args]);
  expect(ran.stderr).toBe('');
  expect(lastJson<KillAt>(ran)).toMatchObject({ points: count, wrong: 0 });
}

describe('1: killed at any instruction', () => {
  it.each(isLong ? WHOLE : SHORT)(
    '%s: the next process has all memory again, to the byte',
    (...sweep) => killAt(9, sweep),
    isLong ? LONG_MS : 30_000,
  );
});

describe('2: stopped at any instruction', () => {
  it.each(
    isLong
      ? WHOLE
      : SHORT.map(([work, first, stride, count]): Sweep => [work, first, stride, Math.ceil(count / 3)]),
  )(
    '%s: others go on, and miss no more than the stopped one had asked for',
    (...sweep) => killAt(19, sweep),
    isLong ? LONG_MS : 30_000,
  );

  it('stopped with its charge taken and the driver’s answer not yet seen: others work for as long as it takes', async () => {
    const slice = aSlice();
    const before = freeBytes(slice);
    const stopped = slice.start([`${BUILT}/bin/steps`, 'init', 'ctx', 'take:malloc:1', 'take:malloc:16'], {
      env: { LD_LIBRARY_PATH: `${BUILT}/bin/failing`, KERF_FAILURES: 'cuMemAlloc_v2@2=stop-after' },
    });
    const end = Date.now() + (isLong ? 60_000 : 300);
    while (freeBytes(slice) !== before - 17 * MIB && Date.now() < end + 10_000) continue;
    do expect(codesIn(slice, 'init ctx take:malloc:40 give')).toEqual([0, 0, 0, 0]);
    while (Date.now() < end);
    stopped.kill('SIGKILL');
    await ended(stopped);
    expect(freeBytes(slice)).toBe(before);
  }, 120_000);
});

describe('3: fork', () => {
  it('before the driver starts: each side has its own account', () => {
    const lines = stepsIn(aSlice(), 'fork init ctx take:malloc:8 info join init ctx info take:malloc:4 info');
    expect(lines.map((line) => line.code)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const [child, before, after] = lines.filter((line) => line.step === 'info');
    expect(before?.free).toBe((child?.free ?? 0) + 8 * MIB);
    expect(after?.free).toBe((before?.free ?? 0) - 4 * MIB);
  });

  it('after: the child hears what the driver says to forked children, and changes nothing of its parent’s', () => {
    const lines = stepsIn(
      aSlice(),
      'init ctx take:malloc:8 info fork take:malloc:1 give:0 info join info give info',
    );
    const child = lines.filter((line) => line.pid !== lines[0]?.pid);
    expect(child.map((line) => line.code)).toEqual(Array(3).fill(CODE.notInitialized));
    const [before, after] = lines.filter((line) => line.step === 'info' && line.pid === lines[0]?.pid);
    expect(after?.free).toBe(before?.free);
  });

  it('fifty times while four threads allocate: every child comes to its answer', () => {
    const lines = stepsIn(aSlice(), 'init ctx info forkstorm info');
    expect(lines[3]?.code).toBe(0);
    expect(lines[4]?.free).toBe(lines[2]?.free);
  });

  it('and exec, and vfork and exec: the new program has an account of its own', () => {
    const slice = aSlice();
    const own = 'init ctx take:malloc:8';
    const all = freeBytes(slice);
    const beside = stepsIn(slice, `${own} vfork init ctx info join info`);
    expect(beside.filter((line) => line.step === 'info').map((line) => line.free)).toEqual([
      all - 8 * MIB,
      all - 8 * MIB,
    ]);
    expect(lastStep(slice, `${own} fork exec init ctx info join`)).toMatchObject({ step: 'fork', code: 0 });
  });

  it('a daemon that closed every descriptor keeps what it holds', async () => {
    const slice = aSlice();
    const all = freeBytes(slice);
    const daemon = await startSteps(slice, 'daemon init ctx take:malloc:8 closeall hold', { until: 'hold' });
    expect(freeBytes(slice)).toBe(all - 8 * MIB);
    const held = slice.region().devices[0]?.usedBytes;
    expect(held).toBeGreaterThanOrEqual(8 * MIB);
    for (const { pid } of slice.region().processes) process.kill(pid, 'SIGKILL');
    await ended(daemon);
    expect(takeableMiB(slice)).toBe(all / MIB);
  });
});

describe('4: exec with an empty environment', () => {
  it('leaves the limit where it was: it is in files', () => {
    const slice = aSlice();
    const total = lastStep(slice, 'init ctx info').total;
    const lines = stepsIn(slice, 'init ctx take:malloc:8 execbare init ctx info fill:malloc:1');
    expect(lines.at(-2)).toMatchObject({ code: 0, total, free: total });
    expect(lines.at(-1)).toMatchObject({ code: CODE.outOfMemory, taken: (total ?? 0) / MIB });
  });
});

describe('5: a pid that comes again', () => {
  it('owes nothing of the one that had it before', () => {
    const slice = aSlice();
    const program = `${BUILT}/bin/steps`;
    const script = `
      ${program} init ctx take:malloc:32 kill:9
      ${program} init ctx take:malloc:32 hold & dead=$!
      sleep 0.3; kill -9 $dead; wait $dead 2>/dev/null; sleep 0.05
      echo $((dead - 1)) > /proc/sys/kernel/ns_last_pid
      sleep 30 & again=$!
      echo "{\\"step\\":\\"again\\",\\"pid\\":$again,\\"code\\":$((again - dead))}"
      ${program} init ctx info; kill $again`;
    const ran = slice.run(['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script]);
    const lines = linesOf(ran);
    expect(lines.find((line) => line.step === 'again')?.code).toBe(0);
    const info = lines.at(-1);
    expect(info).toMatchObject({ step: 'info', code: 0, free: info?.total });
  });
});

describe('6: more processes than the table has rows', () => {
  const slotAt = (row: number): number => REGION_AT.slots + row * REGION.slotBytes;

  /** Every row taken by the first process there is, of our own pids' namespace or of none that is known. */
  const fullTable = (namespace: bigint): Uint8Array => {
    const bytes = emptyRegion();
    const view = new DataView(bytes.buffer);
    for (let row = 0; row < REGION.slots; row += 1) {
      view.setUint32(slotAt(row) + REGION_SLOT_AT.pid, 1, true);
      view.setUint32(slotAt(row) + REGION_SLOT_AT.state, 1, true);
      view.setBigUint64(slotAt(row) + REGION_SLOT_AT.pid_namespace, namespace, true);
    }
    return bytes;
  };

  it('the next one has no device, and hears so at once; one row that comes free is enough for it', () => {
    const slice = aSlice();
    const bytes = fullTable(BigInt(statSync('/proc/self/ns/pid').ino));
    slice.write('region', bytes, 0o666);
    expect(lastStep(slice, 'init ctx take:malloc:1')).toMatchObject({ code: CODE.noDevice });
    bytes.fill(0, slotAt(100), slotAt(101));
    slice.write('region', bytes, 0o666);
    expect(lastStep(slice, 'init ctx take:malloc:1')).toMatchObject({ code: 0 });
  });

  it('a row whose owner died before he could say where his pid counts is not lost', () => {
    const slice = aSlice();
    slice.write('region', fullTable(0n), 0o666);
    expect(lastStep(slice, 'init ctx take:malloc:1')).toMatchObject({ code: 0 });
  });

  it(
    'one after the other, as many as one likes: the dead make room',
    () => {
      const count = isLong ? 1100 : 300;
      const script = `i=0; while [ $i -lt ${count} ]; do ${BUILT}/bin/steps init ctx take:malloc:1 kill:9 2>/dev/null; i=$((i+1)); done`;
      const slice = aSlice();
      const lines = linesOf(slice.run(['sh', '-c', script]));
      const takes = lines.filter((line) => line.step === 'take:malloc:1');
      expect(takes).toHaveLength(count);
      expect(takes.every((line) => line.code === 0)).toBe(true);
      expect(slice.region().attached).toBe(count);
    },
    isLong ? LONG_MS : 30_000,
  );
});

describe('7: many that start at once', () => {
  it(
    'all get their memory',
    () => {
      const count = isLong ? 300 : 60;
      const one = `${BUILT}/bin/steps init ctx take:malloc:1 give`;
      const script = `i=0; while [ $i -lt ${count} ]; do ${one} & i=$((i+1)); done; wait`;
      const slice = aSlice(4096);
      const before = freeBytes(slice);
      const lines = linesOf(slice.run(['sh', '-c', script]));
      expect(lines).toHaveLength(4 * count);
      expect(lines.filter((line) => line.code !== 0)).toEqual([]);
      expect(freeBytes(slice)).toBe(before);
    },
    isLong ? LONG_MS : 30_000,
  );
});

describe('9: threads that are cancelled, handlers, jumps', () => {
  it.each(['start', 'take'])(
    'a thread cancelled at its first way into us (%s) leaves no lock behind',
    (where) => {
      expect(
        codesIn(aSlice(), `cancelled:${where} init ctx take:malloc:1 give`, { under: ['timeout', '20'] }),
      ).toEqual([0, 0, 0, 0, 0]);
    },
  );

  it('two hundred threads cancelled while they allocate: the next one can', () => {
    expect(codesIn(aSlice(), 'cancelstorm', { under: ['timeout', '20'] })).toEqual([0]);
  });

  it.each(['handlers', 'handlers:jump'])(
    '%s: launches from a signal handler in the middle of launches',
    (step) => {
      expect(codesIn(aSlice(), `init ctx ${step} take:malloc:1`, { under: ['timeout', '20'] })).toEqual([
        0, 0, 0, 0,
      ]);
    },
  );
});

describe('10: the end of a process', () => {
  it('a library closed more often than opened stays where it is', () => {
    expect(codesIn(aSlice(), 'dlclose init ctx take:malloc:1 dlclose give dlclose info')).toEqual(
      Array(8).fill(0),
    );
  });

  it('exit while four threads are in the driver ends at once and leaves nothing charged', () => {
    const slice = aSlice();
    const before = freeBytes(slice);
    expect(runSteps(slice, 'init ctx exitstorm', { under: ['timeout', '20'] }).status).toBe(0);
    expect(freeBytes(slice)).toBe(before);
  });

  it('a handler at exit may still allocate and free', () => {
    expect(codesIn(aSlice(), 'init ctx atexit')).toEqual([0, 0, 0, 0]);
  });
});
