// SPDX-License-Identifier: Apache-2.0
// This node's devices, as the room knows them: the inventory, and who is told when it changes.
import type { Logger } from 'pino';
import type { Clock } from '../src/adapters/clock.js';
import type { KubeClient } from '../src/adapters/kubernetes/client.js';
import type { Vendor } from '../src/vendors/index.js';
import type { DeviceEvent } from './health.js';
import { Announcer, Inventory, type Probe } from './inventory.js';
import type { PluginMetrics } from './metrics.js';
import type { PluginOptions } from './options.js';
import { type Slot, slicesOf } from './slot.js';

export interface DevicesParts {
  readonly options: Pick<PluginOptions, 'nodeName' | 'quarantineSeconds'>;
  readonly vendor: Vendor;
  readonly client: Pick<KubeClient, 'send'>;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: () => Pick<PluginMetrics, 'xids' | 'inventoryWrites'>;
  /** Slots of living pods. */
  readonly living: () => readonly Slot[];
  /** The kubelet's ids may be others now. */
  readonly publish: () => void;
  readonly fault: (what: string, fault: unknown) => void;
}

export class Devices {
  readonly inventory: Inventory;
  readonly announcer: Announcer;

  constructor(private readonly parts: DevicesParts) {
    const { client, clock, options, vendor, probe, fault } = parts;
    this.announcer = new Announcer({
      client,
      clock,
      node: options.nodeName,
      vendor: vendor.name,
      onWritten: () => parts.metrics().inventoryWrites.inc(),
      onFault: (why) => fault('inventory annotation', why),
    });
    this.inventory = new Inventory({
      probe,
      clock,
      quarantineMs: options.quarantineSeconds * 1000,
      isHeld: (id) => this.isHeld(id),
      onChange: (devices) => {
        parts.log.info({ devices }, 'devices changed');
        parts.publish();
        this.announcer.announce(devices);
      },
      onFault: (why) => fault('driver', why),
    });
  }

  /** What a device tells of itself. */
  hear(event: DeviceEvent): void {
    if (event.kind === 'fault') {
      const { deviceId, code, rule } = event;
      this.parts.metrics().xids.inc({ device: deviceId, xid: code });
      this.parts.log.warn({ device: deviceId, xid: code, ...rule }, 'device fault');
    }
    this.inventory.hear(event);
  }

  stop(): void {
    this.announcer.stop();
    this.inventory.stop();
  }

  private isHeld(deviceId: string): boolean {
    const sitsThere = ({ owner }: Slot): boolean =>
      owner !== null && slicesOf(owner).some((slice) => slice.deviceId === deviceId);
    return this.parts.living().some(sitsThere);
  }
}
