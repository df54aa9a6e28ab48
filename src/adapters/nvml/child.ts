// SPDX-License-Identifier: Apache-2.0
// Entry of the process that loads the addon. NVML calls can block for ever, so whoever wants to know something
// asks this process and kills it when it stays silent. Arguments: path of the addon, name of the NVML library.
import { createRequire } from 'node:module';
import type { NvmlAddon, NvmlRequest, NvmlResponse, NvmlVerb } from './contract.js';

const [addonPath = '', library = ''] = process.argv.slice(2);

let addon: NvmlAddon | undefined;
let opening: Promise<void> | undefined;

function loadAddon(): NvmlAddon {
  addon ??= createRequire(import.meta.url)(addonPath) as NvmlAddon;
  return addon;
}

/** Opens the library once; a failed try is forgotten, so that a driver loaded later is found. */
async function openedAddon(): Promise<NvmlAddon> {
  const loaded = loadAddon();
  opening ??= loaded.open(library);
  try {
    await opening;
  } catch (error) {
    opening = undefined;
    throw error;
  }
  return loaded;
}

const VERBS: Record<NvmlVerb, (nvml: NvmlAddon, argument: string) => Promise<unknown>> = {
  devices: (nvml) => nvml.devices(),
  links: (nvml) => nvml.links(),
  processes: (nvml, uuid) => nvml.processes(uuid),
  driverVersion: (nvml) => nvml.driverVersion(),
};

function failure(id: number, error: unknown): NvmlResponse {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const isNvml = typeof code === 'string' && code.startsWith('NVML_');
  return { id, ok: false, code: isNvml ? code : 'NVML_ADDON_MISSING', message: String(message ?? error) };
}

async function answer(request: NvmlRequest): Promise<NvmlResponse> {
  try {
    const nvml = await openedAddon();
    return { id: request.id, ok: true, value: await VERBS[request.verb](nvml, request.argument) };
  } catch (error) {
    return failure(request.id, error);
  }
}

process.on('message', (request: NvmlRequest) => {
  void answer(request).then((response) => process.send?.(response));
});

// An orderly exit would wait for worker threads that hang in the driver.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
