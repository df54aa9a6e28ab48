// SPDX-License-Identifier: Apache-2.0
// Part: the arbiter at work. The slots are learnt from the device plugin each second; who holds memory outside Kerf, from
// the driver, and only while somebody may borrow.
import { join } from 'node:path';
import { monotonicNs } from '../../adapters/clock.js';
import { BYTES_PER_MIB, type MiB } from '../../core/units.js';
import { type SliceNow, sharingFamilies } from '../../observing/sharing-metrics.js';
import type { DeviceReading } from '../../observing/usage.js';
import type { SlotRecord } from '../../wire/slots.js';
import { type ArbitratedSlot, Arbiter, type Lendings } from './arbiter.js';
import { startLoop } from './loop.js';
import type { Clamps, Context, Part } from './part.js';

export const TICK_MS = 10;
const LEARN_MS = 1_000;
const DIVIDE_MS = 250;

export function startArbiter(context: Omit<Context, 'clamps'>): Part & Clamps {
  const { clock, log, node } = context;
  const arbiter = new Arbiter();
  const devices = new Map<string, DeviceReading>();
  let slots: ReadonlyMap<string, SlotRecord> = new Map();
  const folderOf = (slot: string): string => join(context.options.stateDir, 'slots', slot);
  const learn = async (): Promise<void> => {
    const told = await context.plugin.slots();
    slots = new Map(told.slots.map((record) => [folderOf(record.slot), record]));
    arbiter.refresh(arbitrated(slots, context.policy));
    if (!arbiter.isLending) return devices.clear();
    for (const device of await context.driver.read()) devices.set(device.id, device);
  };
  const loop = (name: string, pauseMs: number, turn: () => Promise<void> | void) =>
    startLoop({ name, pauseMs, clock, log, turn });
  const loops = [
    loop('arbiter-slots', LEARN_MS, learn),
    loop('arbiter-memory', DIVIDE_MS, () => arbiter.divide(monotonicNs(), lendingsOf(devices))),
    loop('arbiter', TICK_MS, () => arbiter.tick(monotonicNs())),
  ];
  return {
    families: () => sharingFamilies(node, slicesNow(arbiter, slots)),
    clamp(slot, reason) {
      log.warn({ slot, reason }, 'clamped');
      arbiter.clamp(folderOf(slot));
    },
    release: (slot) => arbiter.release(folderOf(slot)),
    async stop() {
      await Promise.all(loops.map((each) => each.stop()));
      arbiter.close();
    },
  };
}

function arbitrated(
  slots: ReadonlyMap<string, SlotRecord>,
  policy: Context['policy'],
): readonly ArbitratedSlot[] {
  return [...slots].map(([folder, { pod }]) => ({
    folder,
    mayBorrow: policy.rulingFor(pod.namespace).lendMemory,
  }));
}

function slicesNow(arbiter: Arbiter, slots: ReadonlyMap<string, SlotRecord>): readonly SliceNow[] {
  return arbiter.words().flatMap(({ folder, ...word }) => {
    const slot = slots.get(folder);
    return slot === undefined ? [] : [{ slot, ...word }];
  });
}

/** All of the device but what others hold than those whose regions we read: they are never asked to make room. */
function lendingsOf(devices: ReadonlyMap<string, DeviceReading>): Lendings {
  return (uuid, heldMiB) => {
    const device = devices.get(uuid);
    if (device === undefined) return null;
    const foreign = Math.max(0, Math.ceil(device.usedBytes / BYTES_PER_MIB) - heldMiB);
    return Math.max(0, device.memory - foreign) as MiB;
  };
}
