// SPDX-License-Identifier: Apache-2.0
// Entry of the process that loads the addon. Arguments: path of the addon, name of the NVML library.
import { createRequire } from 'node:module';
import { opensOnce, serveParent } from '../probes/child-serve.js';
import type { NvmlAddon, NvmlVerb } from './contract.js';

const [addonPath = '', library = ''] = process.argv.slice(2);

let addon: NvmlAddon | undefined;

const opened = opensOnce(async () => {
  addon ??= createRequire(import.meta.url)(addonPath) as NvmlAddon;
  await addon.open(library);
  return addon;
});

const VERBS: Record<NvmlVerb, (nvml: NvmlAddon, argument: string) => Promise<unknown>> = {
  devices: (nvml) => nvml.devices(),
  links: (nvml) => nvml.links(),
  processes: (nvml, uuid) => nvml.processes(uuid),
  driverVersion: (nvml) => nvml.driverVersion(),
};

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('NVML_') ? code : 'NVML_ADDON_MISSING';
}

serveParent({ answer: async (verb, argument) => VERBS[verb as NvmlVerb](await opened(), argument), codeOf });
