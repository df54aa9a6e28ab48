// SPDX-License-Identifier: Apache-2.0
// Filter + prioritize, as the extender's handlers call them, without the wire. A sample is one pod.
import { askedOf } from '../../src/core/packing/asked.js';
import type { LivePacking } from '../../src/core/packing/live.js';
import type { PlacingRules } from '../../src/core/policies.js';
import type { PodRequest } from '../../src/core/request.js';
import { ok } from '../../src/core/result.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { filter } from '../../src/scheduling/filter.js';
import { prioritize } from '../../src/scheduling/prioritize.js';
import { timed } from './clock.js';
import { nodeName } from './fleet.js';
import type { Asker } from './pods.js';
import { leave, ROOMS, settleOn, type Tenants } from './trace.js';

export interface Stage {
  readonly snapshot: Snapshot;
  readonly rules: PlacingRules;
  /** Names that kube-scheduler sends: 500 of 5 000 by default, beginning at another node each time. */
  readonly names: number;
  readonly nodes: number;
}

export interface Asked {
  readonly ms: number;
  readonly offered: readonly string[];
}

/** The names are new strings, as a body decoded from JSON has them. */
export function ask(request: PodRequest, stage: Stage, sample: number): Asked {
  const names = namesOf(stage, sample);
  let offered: readonly string[] = [];
  const ms = timed(() => {
    offered = answer(request, names, stage);
  });
  return { ms, offered };
}

export function answer(
  request: PodRequest,
  names: readonly string[],
  { snapshot, rules }: Stage,
): readonly string[] {
  const scene = { snapshot, defaults: rules };
  const offered = filter(ok(request), names, scene).answer.nodeNames;
  prioritize(request, offered, scene);
  return offered;
}

export function namesOf({ names, nodes }: Stage, sample: number): readonly string[] {
  const from = (sample * names) % nodes;
  const all = Array.from({ length: names }, (_, at) => nodeName((from + at) % nodes));
  return JSON.parse(JSON.stringify(all)) as readonly string[];
}

const WARM_UP = 10;
const SAMPLES = 300;
/** A slow question is asked less often, so that the bench ends. */
const ENOUGH_MS = 1000;
const FEWEST = 25;

/** Each sample a shape never seen before. */
export function coldSamples(asker: Asker, stage: Stage): readonly number[] {
  const samples: number[] = [];
  const end = performance.now() + ENOUGH_MS;
  for (let at = 0; at < SAMPLES + WARM_UP; at++) {
    if (at >= FEWEST + WARM_UP && performance.now() > end) break;
    const { ms } = askAs(asker, stage, at);
    if (at >= WARM_UP) samples.push(ms);
  }
  return samples;
}

/** A bug where it fits and should not, or the other way. */
export function askAs(asker: Asker, stage: Stage, sample: number): Asked {
  const asked = ask(asker.podOf(sample), stage, sample);
  if (asked.offered.length > 0 !== asker.fits)
    throw new Error(`bug: ${asker.name}: ${asked.offered.length} nodes named`);
  return asked;
}

export interface Cluster {
  readonly tenants: Tenants;
  readonly packing: LivePacking;
}

const SEEN_BEFORE = 200;
const STREAM = 500;

/**
 * Pods of the trace one after the other, as they come to a scheduler that has been up for a while: between two
 * questions the pod is bound to the best node named, and another one goes.
 */
export function streamSamples(
  pods: readonly PodRequest[],
  stage: Stage,
  { tenants, packing }: Cluster,
): readonly number[] {
  const samples: number[] = [];
  for (let at = 0; at < SEEN_BEFORE + STREAM; at++) {
    const request = pods[at % pods.length] as PodRequest;
    packing.arrive(askedOf(request, request.cpuMilli));
    while (packing.step(ROOMS));
    const { ms, offered } = ask(request, stage, at);
    if (at >= SEEN_BEFORE) samples.push(ms);
    const [best] = offered;
    if (best !== undefined) settleOn(tenants, request, best);
    leave(tenants, at * 7919);
    packing.depart();
  }
  return samples;
}
