// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { linksFrame } from '../../../../src/apps/cli/links-frame.js';
import { grantedOf } from '../../../../src/observing/granted.js';
import { VENDORS } from '../../../../src/vendors/index.js';
import { encodeInventory } from '../../../../src/wire/inventory.js';
import { inventoryOf } from '../../../../src/wire/names.js';
import type { LinkTriangle } from '../../../../src/wire/links.js';
import { aDevice } from '../../../builders/core.js';

function frameOf(count: number, links: LinkTriangle | null): string {
  const devices = Array.from({ length: count }, (_, index) =>
    aDevice({ id: `GPU-${index}`, index, numa: index < 2 ? 0 : null, model: 'A100' }),
  );
  const annotations = { [inventoryOf('nvidia')]: encodeInventory(devices, links) };
  return linksFrame(
    grantedOf({ nodes: [{ metadata: { name: 'n1', annotations } }], pods: [] }, VENDORS),
    false,
  );
}

describe('the picture of a node’s links', () => {
  it('is a matrix, the same both ways, with NUMA nodes beside', () => {
    expect(frameOf(3, [['NV12', 'SYS'], ['PIX']]).split('\n')).toEqual([
      'n1  nvidia',
      'DEV  0     1     2    NUMA  MODEL  ID',
      '  0  X     NV12  SYS     0  A100   GPU-0',
      '  1  NV12  X     PIX     0  A100   GPU-1',
      '  2  SYS   PIX   X       -  A100   GPU-2',
    ]);
  });

  it('says where links are not told', () => {
    expect(frameOf(2, null).split('\n')).toEqual([
      'n1  nvidia: how they are linked is not told',
      'DEV  NUMA  MODEL  ID',
      '  0     0  A100   GPU-0',
      '  1     0  A100   GPU-1',
    ]);
  });

  it('of one device is that device', () => expect(frameOf(1, null).split('\n')[0]).toBe('n1  nvidia'));
});
