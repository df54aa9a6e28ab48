// SPDX-License-Identifier: Apache-2.0
// One look at the cluster: who has asked so far, and what is there. Plain data, from which all of `fragmentation`
// follows (see prospect): whoever has the look decides as the cluster did.
import type { NodeView, VendorView } from '../node.js';
import type { Asked, DeviceKind } from './asked.js';

export interface AskedRow {
  readonly asked: Asked;
  /** Pods. */
  readonly count: number;
}

/** Nodes that are the same when empty; a node with devices of two vendors counts once for each. */
export interface FleetRow extends DeviceKind {
  /** Without what the node's own pods take (see NodeView). */
  readonly cpuMilli: number;
  readonly gpus: number;
  readonly nodes: number;
}

export interface Look {
  readonly asked: readonly AskedRow[];
  readonly fleet: readonly FleetRow[];
  /** Pods that left for each that came. */
  readonly turnover: number;
}

export const NO_LOOK: Look = { asked: [], fleet: [], turnover: 0 };

export function fleetIn(nodes: Iterable<NodeView>): readonly FleetRow[] {
  const rows = new Map<string, FleetRow>();
  for (const node of nodes)
    for (const [vendor, view] of node.vendors) {
      if (view.devices.length === 0) continue;
      const row = rowOf(vendor, node, view);
      const { model, memoryMiB, cpuMilli, gpus } = row;
      const key = `${gpus} ${cpuMilli} ${memoryMiB} ${vendor} ${model}`;
      rows.set(key, { ...row, nodes: (rows.get(key)?.nodes ?? 0) + 1 });
    }
  return [...rows.values()];
}

/** The first device tells the model: nodes of mixed devices are rare, and only a little worse packed. */
function rowOf(vendor: string, { cpu }: NodeView, { devices }: VendorView): FleetRow {
  const model = devices[0]?.device.model ?? '';
  const memoryMiB = devices[0]?.device.memory ?? 0;
  return { vendor, model, memoryMiB, cpuMilli: cpu.allocatable, gpus: devices.length, nodes: 0 };
}
