// SPDX-License-Identifier: Apache-2.0
// From a vendor's row to what the core asks of a device: where may it be cut?
import type { Cut, Cuts, Device } from '../core/device.js';
import { mib, milliCores } from '../core/units.js';
import type { CutRule, Template, Vendor } from './vendor.js';

export function withCuts(vendor: Vendor, device: Device): Device {
  const cuts = cutsOf(vendor, device);
  return cuts === null ? device : { ...device, cuts };
}

/** null: anywhere. A mode that the row does not know gives nothing: what cannot be read is held. */
function cutsOf(vendor: Vendor, device: Device): Cuts | null {
  const rule = device.mode === undefined ? vendor.cuts : vendor.modes[device.mode];
  if (rule === undefined) return { kind: 'sizes', sizes: [] };
  if (rule.kind === 'any') return null;
  if (rule.kind === 'units') return unitsOf(rule, device);
  const listed = sizesOf(ofModel(rule.models, device.model) ?? [], device);
  return { kind: 'sizes', sizes: rule.kind === 'profiles' ? listed : [...listed, wholeOf(device)] };
}

function unitsOf(rule: Extract<CutRule, { kind: 'units' }>, device: Device): Cuts {
  const units = ofModel(rule.models, device.model);
  return units === undefined ? { kind: 'sizes', sizes: [wholeOf(device)] } : { kind: 'units', units };
}

function sizesOf(templates: readonly Template[], device: Device): readonly Cut[] {
  return templates
    .map(({ name, ...size }) => ({ name, memory: mib(size.memoryMiB), cores: milliCores(size.milliCores) }))
    .filter(({ memory, cores }) => memory <= device.memory && cores <= device.cores)
    .sort((a, b) => a.memory - b.memory || a.cores - b.cores);
}

/** All its memory, as one announces it, and all its compute: whoever has it has it alone. */
function wholeOf({ memory, cores }: Device): Cut {
  return { name: '', memory, cores };
}

function ofModel<T>(models: Readonly<Record<string, T>>, model: string): T | undefined {
  const name = model.toLowerCase();
  return Object.entries(models).find(([key]) => key.toLowerCase() === name)?.[1];
}
