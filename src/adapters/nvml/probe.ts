// SPDX-License-Identifier: Apache-2.0
// Asks NVML through a child process of its own (../probes/child-asker.ts).
import { fileURLToPath } from 'node:url';
import { ChildAsker, type ChildOptions } from '../probes/child-asker.js';
import type { DeviceProbe } from '../probes/contract.js';
import {
  type NvmlDevice,
  type NvmlDeviceLinks,
  type NvmlEvent,
  NvmlFault,
  type NvmlProcess,
} from './contract.js';
import { peersOf } from './links.js';

export interface NvmlProbe extends DeviceProbe {
  /** All devices with their processes. Rejects with an NvmlFault. */
  devices(): Promise<readonly NvmlDevice[]>;
  /** What each device tells of its links, at its index. Rejects with an NvmlFault. */
  links(): Promise<readonly NvmlDeviceLinks[]>;
  /** Processes on one device. Rejects with an NvmlFault. */
  processes(uuid: string): Promise<readonly NvmlProcess[]>;
  /** The next question goes to a new child: NVML sees the devices that were there when it was opened, and no others. */
  renew(): Promise<void>;
}

export interface NvmlProbeOptions extends ChildOptions {
  /** Path of nvml.node. */
  readonly addonPath: string;
  /** Name or path given to dlopen; libnvidia-ml.so.1 by default. */
  readonly library?: string;
  /** Told at once what devices tell of themselves; without it none is listened for. */
  readonly onEvent?: (event: NvmlEvent) => void;
  /** Events cannot be had; the devices can be asked all the same. */
  readonly onDeaf?: (fault: unknown) => void;
}

const LIBRARY = 'libnvidia-ml.so.1';

/** child.ts beside the source, nvml-child.js beside a bundle. */
function defaultChildPath(): string {
  const name = import.meta.url.endsWith('.ts') ? './child.ts' : './nvml-child.js';
  return fileURLToPath(new URL(name, import.meta.url));
}

const faultOf = (reason: string, message: string): NvmlFault =>
  new NvmlFault(reason.startsWith('NVML_') ? reason : `NVML_${reason}`, message);

export function nvmlProbe(options: NvmlProbeOptions): NvmlProbe {
  const argv = [options.addonPath, options.library ?? LIBRARY];
  const { onEvent, onDeaf = () => undefined } = options;
  const ears = onEvent && { ears: { onEvent: (event: unknown) => onEvent(event as NvmlEvent), onDeaf } };
  const trade = { library: 'NVML', childPath: defaultChildPath(), argv, faultOf, ...ears };
  const asker = new ChildAsker(trade, options);
  const links = (): Promise<readonly NvmlDeviceLinks[]> =>
    asker.ask('links') as Promise<readonly NvmlDeviceLinks[]>;
  return {
    devices: () => asker.ask('devices') as Promise<readonly NvmlDevice[]>,
    links,
    peers: async () => peersOf(await links()),
    processes: (uuid) => asker.ask('processes', uuid) as Promise<readonly NvmlProcess[]>,
    driverVersion: () => asker.ask('driverVersion') as Promise<string>,
    renew: () => asker.renew(),
    close: () => asker.close(),
    get childPid() {
      return asker.childPid;
    },
  };
}
