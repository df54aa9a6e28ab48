// SPDX-License-Identifier: Apache-2.0
// Every symbol of CUDA 11 to 13 and of NVML has a hook or a reason to have none, or there is no libkerf.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from './build.js';
import { givenSymbols, hooks, jumps } from './symbols.js';

describe('the build', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kerf-symbols-'));
    for (const room of ['symbols', 'interposer'])
      cpSync(join(ROOT, 'native', room), join(folder, room), { recursive: true });
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const classify = (side: string) =>
    spawnSync(join(folder, 'interposer', 'classify.sh'), [side], { encoding: 'utf8' });

  it.each([
    [
      'a new symbol of libcuda',
      ...(['cuda', 'symbols/cuda.tsv', 'cuWarp\tcuWarp\t14000\t0\t14000\t14000\n'] as const),
      'cuWarp (CUDA 14) is not classified: give it a HOOK in hooks.def or a group in cuda.names',
    ],
    [
      'a new symbol of libnvidia-ml',
      ...(['nvml', 'symbols/nvml.tsv', 'nvmlWarp\t14010\t14010\n'] as const),
      'nvmlWarp (CUDA 14.01) is not classified: give it a HOOK in nvml-hooks.def or a group in nvml.names',
    ],
    [
      'a symbol seen in a driver alone',
      ...(['cuda', 'symbols/observed.tsv', 'cuSecret\tin a driver\n'] as const),
      'cuSecret (observed.tsv) is not classified',
    ],
    [
      'a symbol in two groups',
      ...(['cuda', 'interposer/cuda.names', '[more] of the same\ncuEventQuery\n'] as const),
      'cuEventQuery stands in [event] and in [more] of cuda.names',
    ],
    [
      'a symbol with a hook and a group',
      ...(['cuda', 'interposer/cuda.names', '[more] of the same\ncuMemAlloc_v2\n'] as const),
      'cuMemAlloc_v2 has a hook in hooks.def and stands in [more] of cuda.names: it is one or the other',
    ],
    [
      'a group left open',
      ...(['nvml', 'interposer/nvml.names', '[open: more] for later\n'] as const),
      'nvml.names: group [open: more] is open: give it a reason or its symbols a hook',
    ],
    [
      'a group without a reason',
      ...(['cuda', 'interposer/cuda.names', '[more]\n'] as const),
      'cuda.names: group [more] has no reason',
    ],
    [
      'a name that no header has',
      ...(['cuda', 'interposer/cuda.names', 'cuEventQuerry\n'] as const),
      'cuEventQuerry of cuda.names is in no header',
    ],
    [
      'a hook that no header has',
      ...(['nvml', 'interposer/nvml-hooks.def', 'HOOK(nvmlWarp, memory, "why")\n'] as const),
      'nvmlWarp of nvml-hooks.def is in no header',
    ],
  ])('ends at %s', (_what, side, file, text, said) => {
    expect(classify(side).status).toBe(0);
    appendFileSync(join(folder, file), text);
    const { status, stdout, stderr } = classify(side);
    expect(stderr).toContain(said);
    expect(status).toBe(1);
    expect(stdout).toBe('');
  });
});

describe('hooks.def', () => {
  it('asks for each hook by the name, from the version and with the flags that the headers know', () => {
    const known = new Map(givenSymbols().map((row) => [row.symbol, row]));
    for (const { symbol, name, since, flags } of hooks('cuda'))
      expect({ symbol, name, since, flags }).toEqual({
        ...{ symbol, name: known.get(symbol)?.name, since: known.get(symbol)?.since },
        flags: known.get(symbol)?.flags,
      });
  });

  it('has every form of what it hooks: a function hooked in one version is hooked in all', () => {
    const hooked = new Set(hooks('cuda').map((hook) => hook.symbol));
    const names = new Set(hooks('cuda').map((hook) => hook.name));
    const forms = givenSymbols().filter(({ name }) => names.has(name));
    expect(forms.map((form) => form.symbol).filter((symbol) => !hooked.has(symbol))).toEqual([]);
  });
});

describe('the jumps', () => {
  it.each(['cuProfilerStart', 'cudbgGetAPI', 'cuMemcpyHtoD_v2_ptds', 'cuStreamGetCaptureInfo_v3_ptsz'])(
    'lead to %s',
    (symbol) => {
      expect(jumps('cuda')).toContain(symbol);
    },
  );

  it('lead nvidia-smi to its private table', () => {
    expect(jumps('nvml')).toContain('nvmlInternalGetExportTable');
  });

  it('leave out what no driver of Linux exports, so that a program that looks finds nothing, as without us', () => {
    expect(jumps('cuda')).not.toContain('cuWGLGetDevice');
    expect(jumps('cuda')).not.toContain('cuGetProcAddress_v2_ptsz');
  });
});
