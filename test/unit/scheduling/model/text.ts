// SPDX-License-Identifier: Apache-2.0
// The words in which views and oracle are compared: one text per node.
import type { NodeView } from '../../../../src/core/node.js';
import { MEMORY_OF } from './api-server.js';

export interface Sum {
  memory: number;
  cores: number;
  slices: number;
  isOwned: boolean;
}

export const VENDORS_BY_NAME = [
  ['amd', 'AMD'],
  ['nvidia', 'GPU'],
] as const;

export interface Seen extends Sum {
  readonly id: string;
  readonly isShut: boolean;
}

interface SeenVendor {
  readonly vendor: string;
  readonly isUnreadable: boolean;
  readonly slotsUsed: number;
  readonly devices: readonly Seen[];
  /** Sums over devices, where a view has them ready; else they are added up. */
  readonly totals?: readonly [size: number, memory: number, cores: number, slices: number];
}

/** The words in which views and oracle are compared. */
export function textOfVendor({ vendor, isUnreadable, slotsUsed, devices, totals }: SeenVendor): string {
  const size = devices.reduce((sum, { id }) => sum + (MEMORY_OF[id] as number), 0);
  const all = (amount: 'memory' | 'cores' | 'slices'): number =>
    devices.reduce((sum, row) => sum + row[amount], 0);
  const sums = totals ?? [size, all('memory'), all('cores'), all('slices')];
  const rows = devices.map(
    ({ id, isShut, memory, cores, slices, isOwned }) =>
      `\n    ${id} ${memory} MiB ${cores} m ${slices} slices${isOwned ? ' owned' : ''}${isShut ? ' shut' : ''}`,
  );
  const head = `${vendor} ${slotsUsed} slots${isUnreadable ? ' unreadable' : ''}`;
  return `\n  ${head}, in all ${sums.join(' ')}${rows.join('')}`;
}

export function textOfView({ name, vendors, heldBy, initOnly, cpu }: NodeView): string {
  const rows = VENDORS_BY_NAME.map(([vendor]) => {
    const seen = vendors.get(vendor);
    if (seen === undefined) return '';
    const { slotsUsed, totals } = seen;
    const devices = seen.devices.map(({ device, hold, isCordoned }) => ({
      ...{ id: device.id, isShut: isCordoned, memory: hold.memory, cores: hold.cores },
      ...{ slices: hold.slices, isOwned: hold.isExclusive },
    }));
    return textOfVendor({
      ...{ vendor, slotsUsed, devices, isUnreadable: seen.unreadable !== null },
      totals: [totals.memory, totals.heldMemory, totals.heldCores, totals.heldSlices],
    });
  });
  return `${name} ${heldBy} ${initOnly} ${cpu.held} of ${cpu.allocatable} m${rows.join('')}`;
}
