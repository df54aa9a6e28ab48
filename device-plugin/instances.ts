// SPDX-License-Identifier: Apache-2.0
// A device that the driver has cut into instances is none of its own: each instance is a device, given whole.
import type { ProbedDevice, ProbedInstance } from '../src/adapters/probes/contract.js';
import { BYTES_PER_MIB, mib, milliCores } from '../src/core/units.js';
import { INSTANCE_MODE } from '../src/vendors/index.js';
import type { NodeDevice } from './node-device.js';

/** Compute slices and eighths of memory that a device has. */
const SLICES = 7;
const EIGHTHS = 8;
const GIB_MIB = 1024;
/** Instances stand behind all devices that are used as they are. */
const FIRST_INDEX = 100;
const INDEXES_EACH = 16;

/** `whole`: the device as it would be offered uncut. */
export function instancesOf(told: ProbedDevice, whole: NodeDevice): readonly NodeDevice[] {
  return (told.instances ?? []).map((instance, at) => ({
    ...whole,
    id: instance.uuid,
    index: FIRST_INDEX + told.index * INDEXES_EACH + at,
    model: `${told.name} MIG ${profileOf(told, instance)}`,
    mode: INSTANCE_MODE,
    memory: mib(Math.floor(instance.memoryTotalBytes / BYTES_PER_MIB)),
    cores: milliCores(Math.floor((1000 * instance.computeSlices) / SLICES)),
    splits: 1,
    peers: new Map(),
    instance: { gpu: instance.gpuInstance, compute: instance.computeInstance, of: told.uuid },
  }));
}

/** As the driver names it: 2g.10gb, and 1c.2g.10gb where its compute is cut once more. Memory is told in eighths of the device's. */
export function profileOf(told: ProbedDevice, instance: ProbedInstance): string {
  const wholeGib = Math.ceil(told.memoryTotalBytes / BYTES_PER_MIB / GIB_MIB);
  const eighths = Math.ceil((instance.memoryTotalBytes / told.memoryTotalBytes) * EIGHTHS);
  const gib = Math.round((wholeGib * eighths) / EIGHTHS);
  const part = instance.computeSlices === instance.gpuSlices ? '' : `${instance.computeSlices}c.`;
  return `${part}${instance.gpuSlices}g.${gib}gb`;
}
