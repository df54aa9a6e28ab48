// SPDX-License-Identifier: Apache-2.0
// More may be given out of a device than there is, where the policy document says so. What is there stays what one
// slice may have: a whole device is the physical one, a share is of it, and nobody gets a slice larger than it.
import type { Device } from './device.js';
import type { NodeFacts } from './node.js';
import { hasLabels, type Overcommit } from './policy-document.js';
import type { MiB, MilliCores } from './units.js';

/** The node's facts as placing sees them, by the first entry whose labels it has; those of other nodes unchanged. */
export function overcommitted(facts: NodeFacts, entries: readonly Overcommit[]): NodeFacts {
  const entry = entries.find(({ nodes }) => hasLabels(facts.labels, nodes));
  if (entry === undefined) return facts;
  return { ...facts, devices: facts.devices.map((device) => widened(device, entry)) };
}

/**
 * Hardware that cuts itself gives what it has; a device whose owner gives nothing out (no splits) stays closed. What
 * others hold of its memory (wire/inventory: foreignMiB) is taken from what may be given, not from what is multiplied.
 */
function widened(device: Device, { memory = 1, cores = 1, splits = device.splits }: Overcommit): Device {
  if (device.cuts !== undefined || device.splits === 0) return device;
  const there = device.physical ?? { memory: device.memory, cores: device.cores, splits: device.splits };
  const foreign = there.memory - device.memory;
  const given = {
    memory: Math.max(0, Math.floor(there.memory * memory) - foreign) as MiB,
    cores: Math.floor(device.cores * cores) as MilliCores,
    splits,
  };
  const isSame = given.memory === device.memory && given.cores === device.cores && splits === device.splits;
  return isSame ? device : { ...device, ...given, physical: there };
}
