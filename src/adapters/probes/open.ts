// SPDX-License-Identifier: Apache-2.0
// The list of probes: a vendor whose row says that our agent serves it has one here.
import { addonPath } from '../nvml/addon.js';
import { type NvmlProbeOptions, nvmlProbe } from '../nvml/probe.js';
import { amdProbe } from './amd/probe.js';
import type { DeviceProbe } from './contract.js';

/** Who wants to hear at once what devices tell of themselves; not every vendor's library can tell. */
export type ProbeEars = Pick<NvmlProbeOptions, 'onEvent' | 'onDeaf'>;

interface ProbeWish extends ProbeEars {
  /** Opened instead of the system's. */
  readonly library?: string;
}

/** Vendor → probe. */
const PROBES: Readonly<Record<string, (wish: ProbeWish) => DeviceProbe>> = {
  nvidia: (wish) => nvmlProbe({ addonPath: addonPath(), ...wish }),
  amd: ({ library }) => amdProbe(library === undefined ? {} : { library }),
};

/** Names or paths of libraries that an admin gave, by vendor. */
export type DriverLibraries = Readonly<Record<string, string>>;

export function openProbe(vendor: string, libraries: DriverLibraries, ears: ProbeEars = {}): DeviceProbe {
  const open = PROBES[vendor];
  if (open === undefined) throw new Error(`bug: vendor ${vendor} is served and has no probe`);
  const library = libraries[vendor];
  return open({ ...ears, ...(library !== undefined && { library }) });
}

/** --nvml-library, older than --driver-library, names one vendor's. */
export function librariesOf(options: {
  readonly nvmlLibrary?: string;
  readonly driverLibrary?: DriverLibraries;
}): DriverLibraries {
  const { nvmlLibrary, driverLibrary } = options;
  return { ...(nvmlLibrary !== undefined && { nvidia: nvmlLibrary }), ...driverLibrary };
}

export const hasProbe = (vendor: string): boolean => vendor in PROBES;

export const LIBRARY_FORM = 'want <vendor>=<name or path of its library>';

/** One more of --driver-library; null where the text has not the form above, or names a vendor without a probe. */
export function withLibrary(before: DriverLibraries | undefined, text: string): DriverLibraries | null {
  const [vendor = '', library = ''] = text.split(/=(.*)/s);
  return hasProbe(vendor) && library !== '' ? { ...before, [vendor]: library } : null;
}
