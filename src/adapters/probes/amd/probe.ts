// SPDX-License-Identifier: Apache-2.0
// Asks ROCm SMI through a child process of its own (../child-asker.ts).
import { fileURLToPath } from 'node:url';
import { ChildAsker, type ChildOptions } from '../child-asker.js';
import { type DeviceProbe, type Peers, type ProbedDevice, ProbeFault } from '../contract.js';
import type { DirectLink } from './read.js';

export interface AmdProbeOptions extends ChildOptions {
  /** Name or path given to dlopen. */
  readonly library?: string;
}

/** ROCm counts the library's version up and down, and often lies where no loader looks. */
const LIBRARIES = [
  ...[
    'librocm_smi64.so',
    'librocm_smi64.so.7',
    'librocm_smi64.so.6',
    'librocm_smi64.so.5',
    'librocm_smi64.so.1',
  ],
  ...[
    '/opt/rocm/lib/librocm_smi64.so',
    '/opt/rocm/lib/librocm_smi64.so.7',
    '/opt/rocm/lib/librocm_smi64.so.1',
  ],
];

/** child.ts beside the source, amd-child.js beside a bundle. */
function defaultChildPath(): string {
  const name = import.meta.url.endsWith('.ts') ? './child.ts' : './amd-child.js';
  return fileURLToPath(new URL(name, import.meta.url));
}

const faultOf = (reason: string, message: string): ProbeFault =>
  new ProbeFault(reason.startsWith('RSMI_') ? reason : `RSMI_${reason}`, message);

export function amdProbe(options: AmdProbeOptions = {}): DeviceProbe {
  const argv = options.library === undefined ? LIBRARIES : [options.library];
  const trade = { library: 'ROCm SMI', childPath: defaultChildPath(), argv, faultOf };
  const asker = new ChildAsker(trade, options);
  const devices = (): Promise<readonly ProbedDevice[]> =>
    asker.ask('devices') as Promise<readonly ProbedDevice[]>;
  return {
    devices,
    peers: async () => peersOf(await devices(), (await asker.ask('links')) as readonly DirectLink[]),
    driverVersion: () => asker.ask('driverVersion') as Promise<string>,
    close: () => asker.close(),
    get childPid() {
      return asker.childPid;
    },
  };
}

/** How those without a direct link are linked the library does not tell beyond PCIe: nobody knows. */
export function peersOf(devices: readonly ProbedDevice[], links: readonly DirectLink[]): Peers {
  const peers = new Map<string, Map<string, 'XGMI'>>();
  const note = (from: string, to: string): void => {
    if (from === '' || to === '') return;
    peers.set(from, (peers.get(from) ?? new Map<string, 'XGMI'>()).set(to, 'XGMI'));
  };
  for (const [a, b] of links) {
    const [one, other] = [devices[a]?.uuid ?? '', devices[b]?.uuid ?? ''];
    note(one, other);
    note(other, one);
  }
  return peers;
}
