// SPDX-License-Identifier: Apache-2.0
// The other way in: no preload, our libraries mounted over the driver's own files. Whoever opens the driver opens us, in
// whatever namespace of the loader; a second copy of the driver's file under another name is not met.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT, buildNative, PATHS } from './build.js';
import { lastJson, Machine, type Slice } from './slice.js';

const MIB = 1_048_576;
const OOM = 2;

interface Seen {
  readonly total_bytes: number;
  readonly code: number;
}

let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
}, 120_000);

afterAll(() => machine?.end());

const aSlice = (): Slice => machine.slice({ gpu: machine.gpu(0), mib: 4096 });
const covered = (argv: readonly string[]) => aSlice().run(argv, { isCovered: true });

const IMPORTED = `
import ctypes, json
cuda = ctypes.CDLL("libcuda.so.1")
total = ctypes.c_size_t()
code = cuda.cuInit(0) or cuda.cuDeviceTotalMem_v2(ctypes.byref(total), 0)
print(json.dumps({"code": code, "total_bytes": total.value}))
`;

describe('covering the driver’s files', () => {
  it.each([
    ['a namespace of its own (dlmopen)', ['dlmopen']],
    ['dlopen by name', ['dlopen']],
    ['dlopen by path', ['path', PATHS.fakeCuda]],
    ['dlsym found by dlvsym', ['dlvsym']],
    ['cuGetProcAddress', ['proc']],
    ['a library opened with RTLD_DEEPBIND', ['deepbind', `${BUILT}/bin/libdeep.so`]],
    ['the path out of such a library', ['deepbind', `${BUILT}/bin/libdeep.so`, PATHS.fakeCuda]],
  ])('meets %s', (_road, args) => {
    const ran = covered([`${BUILT}/bin/callers`, ...args]);
    expect(lastJson<Seen>(ran)).toMatchObject({ total_bytes: 4096 * MIB, code: OOM });
  });

  it('meets linked programs, for CUDA and NVML', () => {
    expect(lastJson(covered([`${BUILT}/bin/needed`]))).toMatchObject({
      ...{ code: 0, total_bytes: 4096 * MIB, nvml_code: 0, nvml_total_bytes: 4096 * MIB },
    });
  });

  it('leaves the driver’s behaviour as it is', () => {
    expect(lastJson(covered([`${BUILT}/bin/semantics`]))).toEqual({ held: true });
  });

  it('maps nothing into programs that never open the driver', () => {
    expect(covered(['cat', '/proc/self/maps']).stdout).not.toMatch(/kerf|libcuda|libnvidia-ml/);
  });
});

describe('Python’s ctypes', () => {
  it.each([
    ['a preload', false],
    ['a covered driver', true],
  ])('is met by %s', (_name, isCovered) => {
    const ran = aSlice().run(['python3', '-c', IMPORTED], { isCovered });
    expect(lastJson<Seen>(ran)).toEqual({ code: 0, total_bytes: 4096 * MIB });
  });
});

describe('what one way meets and the other does not', () => {
  const whole = 40_960 * MIB;

  it.each([
    ['a namespace of its own', ['dlmopen']],
    [
      'the path out of a library opened with RTLD_DEEPBIND',
      ['deepbind', `${BUILT}/bin/libdeep.so`, PATHS.fakeCuda],
    ],
  ])('%s passes the preload by', (_road, args) => {
    expect(lastJson<Seen>(aSlice().run([`${BUILT}/bin/callers`, ...args])).total_bytes).toBe(whole);
  });

  it('a copy of the driver in LD_LIBRARY_PATH passes the cover by, and not the preload', () => {
    const slice = aSlice();
    const copy = join(slice.folder, 'dev');
    copyFileSync(PATHS.fakeCuda, join(copy, 'libcuda.so.1'));
    const env = { LD_LIBRARY_PATH: copy };
    const argv = [`${BUILT}/bin/callers`, 'dlopen'];
    expect(lastJson<Seen>(slice.run(argv, { env, isCovered: true })).total_bytes).toBe(whole);
    expect(lastJson<Seen>(slice.run(argv, { env })).total_bytes).toBe(4096 * MIB);
  });
});
