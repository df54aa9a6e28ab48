// SPDX-License-Identifier: Apache-2.0
// What it costs to touch an empty node: whole nodes are kept for pods that need them whole.
import { couldHost } from './fleet.js';
import type { Mix, MixRow } from './mix.js';
import { askedMilli, type Kind, type Room, WHOLE_GPU } from './shape.js';

const USUAL_GPUS = 8;
/** Share of a kind's demand that needs a node more than half: up to it the plain cost protects enough (openb: 0.058). */
const USUAL_WIDE = 0.06;

/** Demand that rests on each device of a kind, in means of the fleet: 1 is a kind like all others. */
interface Load {
  all: number;
  /** Of pods that take more than half of the node's devices. */
  wide: number;
}

/**
 * Milli per kind: `kappa` for a usual node. More for a kind on which more demand rests than on others, and for one that
 * many wide pods need; never less, or a fleet with one scarce kind would give away the empty nodes of all others.
 */
export function openingCosts(kinds: readonly Kind[], mix: Mix, kappa: number): ReadonlyMap<Kind, number> {
  const loads = loadsOf(kinds, mix);
  const costOf = (kind: Kind): number => {
    const { all, wide } = loads.get(kind) ?? { all: 0, wide: 0 };
    const scarcity = Math.max(1, all) * Math.sqrt(Math.max(1, wide / USUAL_WIDE));
    return kappa * (kind.gpus / USUAL_GPUS) * scarcity;
  };
  return new Map(kinds.map((kind) => [kind, costOf(kind)]));
}

function loadsOf(kinds: readonly Kind[], mix: Mix): ReadonlyMap<Kind, Load> {
  const loads = new Map<Kind, Load>(kinds.map((kind) => [kind, { all: 0, wide: 0 }]));
  const hosted = mix
    .map((row) => ({ row, hosts: hostsOf(kinds, row) }))
    .filter(({ hosts }) => hosts.length > 0);
  const asked = hosted.reduce((sum, { row }) => sum + row.share * askedMilli(row), 0);
  const mean = asked / capacityOf(kinds);
  for (const { row, hosts } of hosted) {
    const rest = (row.share * askedMilli(row)) / capacityOf(hosts) / mean;
    for (const kind of hosts) {
      const load = loads.get(kind) as Load;
      load.all += rest;
      if (row.gpus > 1 && row.gpus * 2 > kind.gpus) load.wide += rest;
    }
  }
  return loads;
}

const hostsOf = (kinds: readonly Kind[], row: MixRow): readonly Kind[] =>
  row.gpus === 0 ? [] : kinds.filter((kind) => couldHost(kind, row));

const capacityOf = (kinds: readonly Kind[]): number =>
  kinds.reduce((sum, kind) => sum + kind.nodes * kind.gpus * WHOLE_GPU, 0);

export function isPristine(room: Room): boolean {
  return room.cpuMilli === room.kind.cpuMilli && room.gpuMilli.every((milli) => milli === WHOLE_GPU);
}
