// SPDX-License-Identifier: Apache-2.0
// Nodes of one kind are the same when nobody is there, but for their names and the ids of their devices: what the
// emptied node could do is worked out once per kind.
import type { Device } from './device.js';
import type { NodeFacts } from './node.js';
import type { LinkMatrix } from './topology.js';

/** A text of all that a node says of itself and that placing reads. */
export function kindOf({ devices, unreadable, slots, cordoned, links, cpuMilli }: NodeFacts): string {
  const isCordoned = ({ id }: Device): boolean => cordoned === 'all' || cordoned.has(id);
  return JSON.stringify([
    devices.map((device) => [fieldsOf(device), isCordoned(device)]),
    [...unreadable.keys()],
    [...slots],
    [...links].map(([vendor, matrix]) => [vendor, numberOf(matrix)]),
    cpuMilli,
  ]);
}

/** In order of their names: whoever made the device may have written them in another. */
function fieldsOf(device: Device): readonly unknown[] {
  return Object.entries({ ...device, id: '', reason: '' }).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Matrices of equal content are one object. */
const numbers = new WeakMap<LinkMatrix, number>();
let matrices = 0;

function numberOf(matrix: LinkMatrix): number {
  const known = numbers.get(matrix);
  if (known !== undefined) return known;
  numbers.set(matrix, ++matrices);
  return matrices;
}
