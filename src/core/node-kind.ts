// SPDX-License-Identifier: Apache-2.0
// Nodes of one kind are the same when nobody is there, but for their names and the ids of their devices: what the
// emptied node could do is worked out once per kind.
import type { Device } from './device.js';
import type { NodeFacts } from './node.js';
import type { LinkMatrix } from './topology.js';

/** Beyond this many kinds all are numbered anew: equal ones may then have two numbers, never other ones the same. */
const MOST_KINDS = 4096;

const known = new WeakMap<NodeFacts, string>();
const numbers = new Map<string, number>();
let last = 0;

/** A short text, the same for nodes of one kind. */
export function kindOf(facts: NodeFacts): string {
  const before = known.get(facts);
  if (before !== undefined) return before;
  const kind = `kind ${numberOf(textOf(facts))}`;
  known.set(facts, kind);
  return kind;
}

function numberOf(text: string): number {
  const number = numbers.get(text);
  if (number !== undefined) return number;
  if (numbers.size >= MOST_KINDS) numbers.clear();
  numbers.set(text, ++last);
  return last;
}

/** All that a node says of itself and that placing reads. */
function textOf({ devices, unreadable, slots, cordoned, links, cpuMilli }: NodeFacts): string {
  const isCordoned = ({ id }: Device): boolean => cordoned === 'all' || cordoned.has(id);
  return JSON.stringify([
    devices.map((device) => [fieldsOf(device), isCordoned(device)]),
    [...unreadable.keys()],
    [...slots],
    [...links].map(([vendor, matrix]) => [vendor, numberOfMatrix(matrix)]),
    cpuMilli,
  ]);
}

/** In order of their names: whoever made the device may have written them in another. */
function fieldsOf(device: Device): readonly unknown[] {
  return Object.entries({ ...device, id: '', reason: '' }).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Matrices of equal content are one object. */
const matrices = new WeakMap<LinkMatrix, number>();

function numberOfMatrix(matrix: LinkMatrix): number {
  const number = matrices.get(matrix) ?? ++last;
  matrices.set(matrix, number);
  return number;
}
