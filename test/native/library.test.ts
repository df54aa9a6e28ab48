// SPDX-License-Identifier: Apache-2.0
// What libkerf is as a file: it is mapped into every process of a container, of any age.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative, ROOT } from './build.js';

beforeAll(() => buildNative(), 120_000);

const tool = (name: string, ...args: string[]): string => spawnSync(name, args, { encoding: 'utf8' }).stdout;
const names = (file: string): string[] =>
  readFileSync(`${ROOT}native/interposer/${file}`, 'utf8').trim().split('\n');

describe.each([
  ['libkerf.so', 'libcuda.so.1', 'cuda.names'],
  ['libkerf-nvml.so', 'libnvidia-ml.so.1', 'nvml.names'],
])('%s', (library, soname, list) => {
  const path = `${BUILT}/${library}`;

  it('answers to the name of the driver and needs the C library alone', () => {
    const dynamic = tool('readelf', '-d', path);
    expect(dynamic).toContain(`Library soname: [${soname}]`);
    expect([...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map((match) => match[1])).toEqual(['libc.so.6']);
  });

  it('runs nothing when it is loaded', () => {
    expect(tool('readelf', '-d', path)).not.toMatch(/\((INIT|INIT_ARRAY|PREINIT_ARRAY|FINI|FINI_ARRAY)\)/);
  });

  it('asks for no symbol younger than glibc 2.17', () => {
    const versions = [...tool('objdump', '-T', path).matchAll(/GLIBC_2\.(\d+)/g)].map((match) =>
      Number(match[1]),
    );
    expect(Math.max(...versions)).toBeLessThanOrEqual(17);
  });

  it('exports every name of the list and, besides dlopen, none else', () => {
    const exported = tool('nm', '-D', '--defined-only', path)
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1) ?? '');
    expect(exported.filter((name) => name !== 'dlopen').sort()).toEqual([...new Set(names(list))].sort());
  });
});
