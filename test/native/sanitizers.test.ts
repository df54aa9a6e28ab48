// SPDX-License-Identifier: Apache-2.0
// What sanitizers say: ThreadSanitizer of the unit tests, a bounded fuzz of what strangers write, and, with KERF_LONG=1, libkerf
// itself under AddressSanitizer and UndefinedBehaviorSanitizer in a slice.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative, ROOT } from './build.js';
import { lastJson, Machine, type Slice } from './slice.js';

const isLong = process.env.KERF_LONG === '1';
const PRESETS = isLong ? ['asan', 'tsan', 'ubsan', 'asan-shim'] : ['asan', 'tsan'];
const SHIMS = '/usr/local/kerf/libkerf.so\n/usr/local/kerf/libkerf-nvml.so\n';

let machine: Machine;

beforeAll(() => {
  buildNative();
  const { status, stderr } = spawnSync(process.execPath, [`${ROOT}native/build.mjs`, ...PRESETS], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr.slice(-4000));
  machine = new Machine('A100-40G');
}, 300_000);

afterAll(() => machine.end());

const bin = (preset: string, name: string): string => `${ROOT}native/build/${preset}/bin/${name}`;

describe('ThreadSanitizer', () => {
  // With all the address space randomised, gcc 12's runtime finds no room for its shadow.
  it.each(['ledger-test', 'ptrmap-test'])('finds nothing in %s', (name) => {
    const ran = spawnSync('setarch', ['-R', bin('tsan', name)], { encoding: 'utf8' });
    expect([ran.status, ran.stderr]).toEqual([0, '']);
  });
});

describe('the fuzz of region, limits page, loader cache and proc addresses', () => {
  it(
    'ends, and finds nothing',
    () => {
      const [seconds, seed] = isLong ? ['600', String(Date.now())] : ['2', '20261121'];
      const ran = spawnSync(bin('asan', 'fuzz'), [seconds, seed], { encoding: 'utf8', timeout: 900_000 });
      expect([seed, ran.status, ran.stderr]).toEqual([seed, 0, '']);
    },
    isLong ? 1_000_000 : 20_000,
  );
});

// They take minutes to build: only then are they tests at all.
describe.each(isLong ? ['libkerf'] : [])('%s itself', () => {
  const sanitized = (preset: string): Slice => {
    const slice = machine.slice({ gpu: machine.gpu(0), mib: 2048 });
    for (const library of ['libkerf.so', 'libkerf-nvml.so'])
      spawnSync('cp', [`${ROOT}native/build/${preset}/${library}`, slice.folder]);
    return slice;
  };

  it('traps nowhere under UndefinedBehaviorSanitizer', () => {
    expect(lastJson(sanitized('ubsan').run([`${BUILT}/bin/semantics`]))).toEqual({ held: true });
  });

  it('is clean under AddressSanitizer, whose runtime must be loaded first', () => {
    const slice = sanitized('asan-shim');
    const { stdout } = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
    slice.write('preload', `${stdout.trim()}\n${SHIMS}`, 0o444);
    const ran = slice.run([`${BUILT}/bin/semantics`], { env: { ASAN_OPTIONS: 'detect_leaks=0' } });
    expect(ran.stderr).toBe('');
    expect(lastJson(ran)).toEqual({ held: true });
  });
});
