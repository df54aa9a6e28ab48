// SPDX-License-Identifier: Apache-2.0
// What is held against this node's devices beside what a look at them shows. Kept in memory: a plugin that starts anew
// looks with fresh eyes, which is how an admin says that a device was reset.
import type { Clock } from '../src/adapters/clock.js';
import { type FaultRule, type Held, looked, objectionOf, struck } from '../src/core/health.js';
import type { NodeDevice } from './node-device.js';

/** What a device told of itself, unasked. `stir`: something happened, and a look shows what. */
export type DeviceEvent =
  | { readonly kind: 'fault'; readonly deviceId: string; readonly code: number; readonly rule: FaultRule }
  | { readonly kind: 'stir' };

export class HealthBook {
  private readonly held = new Map<string, Held>();

  constructor(
    private readonly clock: Clock,
    private readonly quarantineMs: number,
  ) {}

  strike(deviceId: string, rule: FaultRule): void {
    const at = { nowMs: this.clock.now(), quarantineMs: this.quarantineMs };
    this.held.set(deviceId, struck(this.held.get(deviceId) ?? null, rule, at));
  }

  /** The driver was asked, and `devices` is what it told; those that are missing stand in it as unhealthy. */
  look(devices: readonly NodeDevice[]): void {
    const sights = new Map(
      devices.map(
        ({ id, instance, isHealthy }) => [instance?.of ?? id, isHealthy ? 'well' : 'away'] as const,
      ),
    );
    for (const [id, sight] of sights)
      this.held.set(id, looked(this.held.get(id) ?? null, sight, this.clock.now()));
  }

  judge(device: NodeDevice): NodeDevice {
    // What befell a device befell what is cut off it.
    const objection = [device.id, device.instance?.of ?? '']
      .map((id) => objectionOf(this.held.get(id) ?? null))
      .find((reason) => reason !== '');
    return objection === undefined ? device : { ...device, isHealthy: false, reason: objection };
  }
}
