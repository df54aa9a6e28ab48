// SPDX-License-Identifier: Apache-2.0
// The driver's answer as devices of this node.
import type { Peers, ProbedDevice } from '../src/adapters/probes/contract.js';
import { librariesOf, openProbe as openVendorProbe } from '../src/adapters/probes/open.js';
import { BYTES_PER_MIB, mib, WHOLE_DEVICE } from '../src/core/units.js';
import type { Probe } from './inventory.js';
import { LinkWatch } from './links.js';
import type { NodeDevice } from './node-device.js';
import type { PluginOptions } from './options.js';

export interface OpenProbe {
  readonly read: Probe;
  close(): Promise<void>;
}

/** `onFault`: the driver does not tell how its devices are linked; they are offered all the same. */
export function openProbe(
  options: Pick<PluginOptions, 'nvmlLibrary' | 'driverLibrary' | 'vendor' | 'splits'>,
  onFault: (fault: unknown) => void,
): OpenProbe {
  const probe = openVendorProbe(options.vendor, librariesOf(options));
  const links = new LinkWatch(probe, onFault);
  return {
    // A device that cannot even be named is none of ours to offer; one that was known stays, unhealthy.
    read: async () => {
      const told = (await probe.devices()).filter(({ uuid }) => uuid !== '');
      const peers = await links.look(told);
      return told.map((device) => deviceOf(device, { ...options, peers }));
    },
    close: () => probe.close(),
  };
}

/** Capacity is rounded down: what is offered is there. */
export function deviceOf(
  told: ProbedDevice,
  { vendor, splits, peers }: { vendor: string; splits: number; peers: Peers },
): NodeDevice {
  return {
    id: told.uuid,
    vendor,
    index: told.index,
    minor: told.minor,
    model: told.name,
    memory: mib(Math.floor(told.memoryTotalBytes / BYTES_PER_MIB)),
    cores: WHOLE_DEVICE,
    splits,
    numa: told.numaNode,
    isHealthy: told.error === null,
    reason: told.error ?? '',
    peers: peers.get(told.uuid) ?? new Map(),
  };
}
