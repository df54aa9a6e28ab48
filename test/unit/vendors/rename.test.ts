// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { DEFAULT_VENDORS, VENDORS } from '../../../src/vendors/index.js';
import { renameResources } from '../../../src/vendors/rename.js';

const NAMES = {
  count: 'example.com/gpu',
  memory: ['example.com/mem', 'nvidia.com/gpumem'],
  memoryPercentage: ['example.com/mem-percentage'],
  cores: ['example.com/cores'],
  priority: 'example.com/priority',
};

describe('resource names of a cluster', () => {
  it('take the place of the row’s', () => {
    const vendors = renameResources(VENDORS, { nvidia: NAMES });
    expect(vendors.ok && vendors.value.map(({ resources }) => resources)).toEqual([NAMES]);
  });

  it('leave out vendors that keep theirs', () => {
    expect(renameResources(VENDORS, {})).toEqual({ ok: true, value: DEFAULT_VENDORS });
  });

  it.each([
    [{ ascend: { enabled: true } }, ['nvidia', 'ascend']],
    [{ nvidia: { enabled: false }, amd: { enabled: true } }, ['amd']],
    [{ ascend: { ...NAMES, enabled: false } }, ['nvidia']],
    [{ nvidia: { enabled: false }, amd: NAMES }, ['amd']],
  ])('%j switches vendors on and off', (document, names) => {
    const vendors = renameResources(VENDORS, document);
    expect(vendors.ok && vendors.value.map(({ name }) => name)).toEqual(names);
  });

  it.each([
    [null, 'no map of vendors'],
    [{ other: NAMES }, 'vendor other is not known: want one of nvidia, ascend, amd'],
    [{ nvidia: 'x' }, 'the names of nvidia are no map'],
    [{ amd: { enabled: 'yes' } }, 'amd.enabled is "yes": want true or false'],
    [{ ascend: { enabled: false, count: 'npu' } }, 'ascend.count is "npu": want domain/name'],
    [{ nvidia: { ...NAMES, count: 'gpu' } }, 'nvidia.count is "gpu": want domain/name'],
    [{ nvidia: { ...NAMES, cores: [] } }, 'nvidia.cores is []: want a list of domain/name'],
    [{ nvidia: { ...NAMES, priority: NAMES.count } }, 'resource example.com/gpu is named twice'],
  ])('%j are refused with a sentence', (document, sentence) => {
    const vendors = renameResources(VENDORS, document);
    expect(vendors.ok ? '' : vendors.error).toContain(sentence);
  });
});
