// SPDX-License-Identifier: Apache-2.0
// What libkerf is as a file: it is mapped into every process of a container, of any age.
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative } from './build.js';
import { hooks, jumps, type Side } from './symbols.js';

beforeAll(() => buildNative(), 120_000);

const tool = (name: string, ...args: string[]): string => spawnSync(name, args, { encoding: 'utf8' }).stdout;

describe.each<[string, string, Side]>([
  ['libkerf.so', 'libcuda.so.1', 'cuda'],
  ['libkerf-nvml.so', 'libnvidia-ml.so.1', 'nvml'],
])('%s', (library, soname, side) => {
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

  it('exports every hook and every jump and, besides dlopen, nothing else', () => {
    const exported = tool('nm', '-D', '--defined-only', path)
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1) ?? '');
    expect(exported.filter((name) => name !== 'dlopen').sort()).toEqual(
      [...hooks(side).map((hook) => hook.symbol), ...jumps(side)].sort(),
    );
  });

  it('leans on nothing that only one C library has', () => {
    expect(tool('objdump', '-T', path)).not.toContain('GLIBC_PRIVATE');
    expect(tool('readelf', '-dW', path)).not.toMatch(/DT_RELR|\(RELR\)/);
  });
});
