// SPDX-License-Identifier: Apache-2.0
// Who places pods that ask for no device: kube-scheduler does, and spreads them; the replay packs them as all others.
import type { NodeView, VendorView } from '../../src/core/node.js';
import { weightsFor } from '../../src/core/packing/kerf.js';
import type { LivePacking } from '../../src/core/packing/live.js';
import { readNodeRoom } from '../../src/core/packing/node-room.js';
import { emptyRoom } from '../../src/core/packing/shape.js';
import type { OpenbPod } from '../../src/wire/openb.js';

export interface CpuScene {
  readonly packing: LivePacking;
  /** Left on each node. */
  readonly memoryMiB: ReadonlyMap<string, number>;
}

type Choose = (nodes: readonly NodeView[], pod: OpenbPod, scene: CpuScene) => string | null;

const room = emptyRoom();

export const CPU_ONLY = {
  /** As `simulate` does. */
  packed: (nodes, { cpuMilli }, { packing }) => {
    const { cpuStep } = weightsFor(packing.look.turnover);
    return bestOf(nodes, (node) => {
      const view = [...node.vendors.values()][0] as VendorView;
      readNodeRoom({ node, view, packing }, room);
      const [waste, opening] = [packing.wasteOf(room), packing.openingOf(room)];
      room.cpuMilli -= cpuMilli;
      const fall = waste - packing.wasteOf(room) - opening;
      return cpuStep === 0 ? fall : Math.round(fall / cpuStep);
    });
  },
  /** As kube-scheduler's NodeResourcesFit does by default (LeastAllocated): the emptier the better. */
  spread: (nodes, { cpuMilli }) =>
    bestOf(nodes, ({ cpu }) => (cpu.allocatable - cpu.held - cpuMilli) / cpu.allocatable),
} as const satisfies Readonly<Record<string, Choose>>;

export type CpuOnly = keyof typeof CPU_ONLY;

/** The first of equals. */
function bestOf(nodes: readonly NodeView[], like: (node: NodeView) => number): string | null {
  let best: string | null = null;
  let most = -Infinity;
  for (const node of nodes) {
    const liked = like(node);
    if (liked <= most) continue;
    best = node.name;
    most = liked;
  }
  return best;
}
