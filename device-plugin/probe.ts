// SPDX-License-Identifier: Apache-2.0
// The driver's answer as devices of this node.
import type { NvmlEvent } from '../src/adapters/nvml/contract.js';
import { kernelMark } from '../src/adapters/nvml/mark.js';
import type { Peers, ProbedDevice } from '../src/adapters/probes/contract.js';
import { librariesOf, openProbe as openVendorProbe } from '../src/adapters/probes/open.js';
import { BYTES_PER_MIB, mib, WHOLE_DEVICE } from '../src/core/units.js';
import { DOUBLE_BIT_ECC, xidRule } from '../src/vendors/index.js';
import type { ForeignMemory } from './foreign.js';
import type { DeviceEvent } from './health.js';
import { instancesOf } from './instances.js';
import type { Probe } from './inventory.js';
import { LinkWatch } from './links.js';
import type { NodeDevice } from './node-device.js';
import type { PluginOptions } from './options.js';

export interface OpenProbe {
  readonly read: Probe;
  close(): Promise<void>;
}

export interface ProbeHooks {
  /** The driver does not tell how its devices are linked; they are offered all the same. */
  readonly onUnlinked: (fault: unknown) => void;
  /** Devices cannot tell of themselves; they are looked at all the same. Once for each reason. */
  readonly onDeaf: (fault: unknown) => void;
  readonly onEvent: (event: DeviceEvent) => void;
  readonly foreign: Pick<ForeignMemory, 'take'>;
}

type ProbeOptions = Pick<
  PluginOptions,
  'nvmlLibrary' | 'driverLibrary' | 'vendor' | 'splits' | 'procDir' | 'deviceDir'
>;

/** Looks between two tries to find a lost device: its handle stays lost in a library that was opened before. */
const LOOKS_WITH_LOST = 12;

export function openProbe(options: ProbeOptions, hooks: ProbeHooks): OpenProbe {
  let lastDeaf = '';
  const probe = openVendorProbe(options.vendor, librariesOf(options), {
    onEvent: (event) => hooks.onEvent(eventOf(event)),
    onDeaf: (fault) => {
      if (String(fault) !== lastDeaf) hooks.onDeaf(fault);
      lastDeaf = String(fault);
    },
  });
  const links = new LinkWatch(probe, hooks.onUnlinked);
  const renewal = new Renewal(probe, () => kernelMark(options));
  return {
    // A device that cannot even be named is none of ours to offer; one that was known stays, unhealthy.
    read: async () => {
      const all = await renewal.look();
      const told = all.filter(({ uuid }) => uuid !== '');
      const peers = await links.look(told);
      const devices = told.flatMap((device) => devicesOf(device, deviceOf(device, { ...options, peers })));
      return hooks.foreign.take(devices, told);
    },
    close: () => probe.close(),
  };
}

/**
 * Opens the library anew where it would not see, or hear of, what is there: a device that came since it was opened, one
 * that was lost, and one that is back: nobody listens to it any more.
 */
export class Renewal<T extends { readonly error: string | null }> {
  private mark: string | null = null;
  private lost = 0;
  private looksWithLost = 0;

  constructor(
    private readonly probe: { devices(): Promise<readonly T[]>; renew?(): Promise<void> },
    private readonly markNow: () => string,
  ) {}

  async look(): Promise<readonly T[]> {
    const mark = this.markNow();
    if (this.mark !== null && this.mark !== mark) await this.probe.renew?.();
    this.mark = mark;
    const devices = await this.probe.devices();
    if (!this.isStale(devices)) return devices;
    await this.probe.renew?.();
    return this.probe.devices();
  }

  private isStale(devices: readonly T[]): boolean {
    const lost = devices.filter(({ error }) => error !== null).length;
    const isBack = lost < this.lost;
    this.lost = lost;
    this.looksWithLost = lost > 0 ? (this.looksWithLost + 1) % LOOKS_WITH_LOST : 0;
    return isBack || (lost > 0 && this.looksWithLost === 0);
  }
}

function eventOf({ kind, uuid, code }: NvmlEvent): DeviceEvent {
  if (kind === 'lost' || uuid === '') return { kind: 'stir' };
  return { kind: 'fault', deviceId: uuid, code, rule: kind === 'xid' ? xidRule(code) : DOUBLE_BIT_ECC };
}

/** A device that is cut is not offered itself, nor is one that was cut to nothing yet. */
const devicesOf = (told: ProbedDevice, whole: NodeDevice): readonly NodeDevice[] =>
  (told.instances ?? null) === null ? [whole] : instancesOf(told, whole);

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
