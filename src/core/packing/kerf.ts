// SPDX-License-Identifier: Apache-2.0
// Kerf's own packing policy, `fragmentation`. docs/decisions/0013 tells where it comes from and what else was tried.
//
//   pods seen ─▶ mix ─▶ weights: filling | turning over ─▶ waste of a room ─▶ the node whose waste rises least
import type { Fleet } from './fleet.js';
import { descending } from './gradient.js';
import { Learning } from './learning.js';
import type { Mix } from './mix.js';
import { isPristine, openingCosts } from './opening.js';
import type { PackingPolicy } from './policy.js';
import { randomFrom } from './random.js';
import { drawFutures } from './refill.js';
import { RoomMemo } from './room-memo.js';
import type { Kind, Room, Shape } from './shape.js';
import { type Outlook, wasteOf, type Weights } from './waste.js';

/** Nothing leaves: what a node holds now it holds to the end, so what its rest can still become is what counts. */
export const FILLING: Weights = { fragmentation: 0, fill: 0, refill: 1, opening: 200, cpuStep: 60 };
/** Pods leave: holes come one at a time, and the exact fit for the next pod is what counts. */
export const TURNING_OVER: Weights = { fragmentation: 2, fill: 1, refill: 0, opening: 50, cpuStep: 0 };
/** Departures per arrival from which a fleet turns over. */
const TURNOVER = 0.1;

export const weightsFor = (turnover: number): Weights => (turnover < TURNOVER ? FILLING : TURNING_OVER);

/** More futures change nothing that could be measured, half as many little. */
const FUTURES = { futures: 24, length: 40 };
/** Any: the futures are the same in every run, so that a decision can be repeated. */
const SEED = 1;

/** Falls of CPU-only pods in steps; a step of 0 tells all apart. */
const stepped = (score: number, shape: Shape, step: number): number =>
  shape.gpus > 0 || step === 0 ? score : Math.round(score / step);

export const outlookOf = (mix: Mix, weights: Weights): Outlook => ({
  mix,
  weights,
  futures: drawFutures(mix, weights.refill === 0 ? { futures: 0, length: 0 } : FUTURES, randomFrom(SEED)),
});

/** `choose` gives the weights for a turnover. */
export function fragmentationPolicy(
  fleet: Pick<Fleet, 'kinds' | 'stride'>,
  shapes: readonly Shape[],
  choose: (turnover: number) => Weights = weightsFor,
): PackingPolicy {
  const learning = new Learning(shapes);
  let outlook = outlookOf([], choose(0));
  let costs: ReadonlyMap<Kind, number> = new Map();
  const memo = new RoomMemo(fleet.stride, (room) => wasteOf(room, outlook));
  const openingOf = (room: Room): number => (isPristine(room) ? (costs.get(room.kind) ?? 0) : 0);
  return {
    ...descending({
      potential: (room) => memo.of(room),
      score: (fall, room, shape) => stepped(fall - openingOf(room), shape, outlook.weights.cpuStep),
    }),
    arrive: (shape) => {
      const demand = learning.arrive(shape);
      if (demand === null) return false;
      outlook = outlookOf(demand.mix, choose(demand.turnover));
      costs = openingCosts(fleet.kinds, demand.mix, outlook.weights.opening);
      memo.clear();
      return true;
    },
    depart: () => learning.depart(),
  };
}
