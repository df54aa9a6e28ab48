// SPDX-License-Identifier: Apache-2.0
// A slice resized under a running process, and the page that is changed in place while programs read it.
import { spawn } from 'node:child_process';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS_AT, LIMITS_DEVICE_AT } from '../../src/wire/limits.js';
import { buildNative, BUILT, PATHS } from './build.js';
import { Asked, lineWhere, Machine, type Slice } from './slice.js';

let machine: Machine;
let slice: Slice;
let asked: Asked;

const grant = (mib: number): void => slice.grant({ gpu: machine.gpu(0), mib });

beforeAll(async () => {
  buildNative();
  machine = new Machine('A100-40G');
  slice = machine.slice({ gpu: machine.gpu(0), mib: 1024 });
  asked = await Asked.start(slice, [PATHS.workload, 'ask']);
}, 120_000);

afterAll(async () => {
  await asked.end();
  machine.end();
});

describe('a slice resized under a running process', () => {
  it('refuses at the old limit, and gives at the very next call after it was raised', async () => {
    expect(await asked.say('alloc 512')).toMatchObject({ code: 0 });
    expect(await asked.say('alloc 1024')).toMatchObject({ name: 'CUDA_ERROR_OUT_OF_MEMORY', held_mib: 512 });
    const { ino } = statSync(join(slice.folder, 'limits'));
    grant(2048);
    expect(statSync(join(slice.folder, 'limits')).ino).toBe(ino);
    expect(await asked.say('alloc 1024')).toMatchObject({ code: 0, held_mib: 1536 });
    expect(await asked.say('info')).toMatchObject({ total_bytes: 2048 * 2 ** 20 });
  });

  it('grows no more when it was lowered below what is used, and nothing is taken away', async () => {
    grant(256);
    expect(await asked.say('alloc 1')).toMatchObject({ name: 'CUDA_ERROR_OUT_OF_MEMORY', held_mib: 1536 });
    expect(await asked.say('info')).toMatchObject({ free_bytes: 0, held_mib: 1536 });
    expect(await asked.say('free')).toMatchObject({ code: 0, held_mib: 512 });
    expect(await asked.say('alloc 1')).toMatchObject({ name: 'CUDA_ERROR_OUT_OF_MEMORY' });
    expect(await asked.say('free')).toMatchObject({ code: 0, held_mib: 0 });
    expect(await asked.say('alloc 256')).toMatchObject({ code: 0 });
    expect(slice.region().devices[0]?.usedBytes).toBe(256 * 2 ** 20);
  });
});

/** One store after the other. */
function store(path: string, offset: number, values: readonly bigint[]): void {
  const descriptor = openSync(path, 'r+');
  const bytes = Buffer.alloc(8);
  for (const value of values) {
    bytes.writeBigUInt64LE(value);
    writeSync(descriptor, bytes, 0, 8, offset);
  }
  closeSync(descriptor);
}

describe('a field stored in place', () => {
  it('is never seen half by who has it mapped', async () => {
    const path = join(machine.slice({ gpu: machine.gpu(0), mib: 1 }).folder, 'limits');
    const offset = LIMITS_AT.devices + LIMITS_DEVICE_AT.memory_limit_bytes;
    const [a, b] = [0x0101_0101_0101_0101n, 0xfefe_fefe_fefe_fefen];
    store(path, offset, [a]);
    const reader = spawn(`${BUILT}/bin/torn`, [path, String(offset), String(a), String(b)]);
    await lineWhere(reader, (line: { ready?: boolean }) => line.ready === true);
    const told = lineWhere(reader, (line: { reads?: number }) => line.reads !== undefined);
    const flips = Array.from({ length: 200_000 }, (_none, at) => (at % 2 === 0 ? b : a));
    store(path, offset, [...flips, 0n]);
    const { changes, torn } = (await told) as { changes: number; torn: number };
    expect(torn).toBe(0);
    expect(changes).toBeGreaterThan(100);
  });
});
