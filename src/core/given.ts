// SPDX-License-Identifier: Apache-2.0
// Who on a device was given a slice of it, and what all others hold there.

/** A process that holds memory of a device, as the driver and the kernel tell. */
export interface HoldingProcess {
  readonly deviceId: string;
  readonly usedBytes: number;
  /** Of its cgroup; empty outside pods, and where the runtime's cgroups do not name them. */
  readonly podUid: string;
  /** Of its cgroup; empty outside containers. */
  readonly containerId: string;
  /** Whose files it has mounted; empty where none are. */
  readonly slot: string;
}

export interface GivenSlot {
  readonly slot: string;
  readonly podUid: string;
  readonly deviceIds: readonly string[];
}

/**
 * Cgroups that name no pod name a container: whose files it has mounted was the runtime's doing, and tells its pod.
 * Empty: none of those that were given something.
 */
export function podOf(process: HoldingProcess, slots: readonly GivenSlot[]): string {
  if (process.podUid !== '' || process.containerId === '') return process.podUid;
  return slots.find(({ slot }) => slot === process.slot)?.podUid ?? '';
}

/** Whether its pod was given a slice of the device. */
export function isGiven(process: HoldingProcess, slots: readonly GivenSlot[]): boolean {
  const pod = podOf(process, slots);
  return slots.some(({ podUid, deviceIds }) => podUid === pod && deviceIds.includes(process.deviceId));
}

/** Device → bytes that nobody gave; devices without any are left out. */
export function foreignBytes(
  processes: readonly HoldingProcess[],
  slots: readonly GivenSlot[],
): ReadonlyMap<string, number> {
  const foreign = new Map<string, number>();
  for (const process of processes)
    if (!isGiven(process, slots))
      foreign.set(process.deviceId, (foreign.get(process.deviceId) ?? 0) + process.usedBytes);
  return foreign;
}
