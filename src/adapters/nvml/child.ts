// SPDX-License-Identifier: Apache-2.0
// Entry of the process that loads the addon. Arguments: path of the addon, name of the NVML library.
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { notifyParent, opensOnce, serveParent } from '../probes/child-serve.js';
import type { NvmlAddon, NvmlEvent, NvmlVerb } from './contract.js';

const [addonPath = '', library = ''] = process.argv.slice(2);

let addon: NvmlAddon | undefined;

const opened = opensOnce(async () => {
  addon ??= createRequire(import.meta.url)(addonPath) as NvmlAddon;
  await addon.open(library);
  return addon;
});

/** A wait holds one worker thread. */
const WAIT_MS = 500;
/** Between tries to watch that fail. */
const REWATCH_MS = 1_000;
const LOST: NvmlEvent = { kind: 'lost', uuid: '', code: 0, gpuInstance: null };

/** Only the first try is answered; afterwards watching goes on for the life of this process. */
async function watch(nvml: NvmlAddon): Promise<void> {
  await nvml.watch();
  void tellEvents(nvml);
}

async function tellEvents(nvml: NvmlAddon): Promise<never> {
  for (let failures = 0; ; ) {
    try {
      const event = await nvml.nextEvent(WAIT_MS);
      failures = 0;
      if (event !== null) notifyParent(event);
    } catch (error) {
      failures += 1;
      await watchAnew(nvml, failures);
      if (codeOf(error) === 'NVML_ERROR_GPU_IS_LOST') notifyParent(LOST);
    }
  }
}

/** At once, for what the others tell meanwhile is not kept for us; a lost device is not watched any more. */
async function watchAnew(nvml: NvmlAddon, failures: number): Promise<void> {
  if (failures > 1) await pause(REWATCH_MS);
  await nvml.watch().catch(() => pause(REWATCH_MS));
}

const VERBS: Record<NvmlVerb, (nvml: NvmlAddon, argument: string) => Promise<unknown>> = {
  devices: (nvml) => nvml.devices(),
  links: (nvml) => nvml.links(),
  processes: (nvml, uuid) => nvml.processes(uuid),
  driverVersion: (nvml) => nvml.driverVersion(),
  watch,
};

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('NVML_') ? code : 'NVML_ADDON_MISSING';
}

serveParent({ answer: async (verb, argument) => VERBS[verb as NvmlVerb](await opened(), argument), codeOf });
