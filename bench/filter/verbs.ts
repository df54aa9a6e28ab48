// SPDX-License-Identifier: Apache-2.0
// Filter + prioritize, as the extender's handlers call them, without the wire. A sample is one pod.
import { askedOf } from '../../src/core/packing/asked.js';
import type { PlacingRules } from '../../src/core/policies.js';
import type { PodRequest } from '../../src/core/request.js';
import { ok } from '../../src/core/result.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { filter } from '../../src/scheduling/filter.js';
import { prioritize } from '../../src/scheduling/prioritize.js';
import { timed } from './clock.js';
import { nodeName } from './fleet.js';
import type { Asker } from './pods.js';
import { type Ahead, idle, leave, settleOn, type Tenants } from './trace.js';

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
  const key = `${names} of ${nodes} from ${from}`;
  const body = bodies.get(key) ?? bodyOf({ from, names, nodes });
  bodies.set(key, body);
  return JSON.parse(body) as readonly string[];
}

/** Bodies are written once: what making them leaves behind would be collected while a question is timed. */
const bodies = new Map<string, string>();

function bodyOf({ from, names, nodes }: { from: number; names: number; nodes: number }): string {
  return JSON.stringify(Array.from({ length: names }, (_, at) => nodeName((from + at) % nodes)));
}

const WARM_UP = 10;
/** A p99 of fewer is the slowest of them, which one collection of garbage decides. */
const SAMPLES = 300;

/** Each sample a shape never seen before. */
export function coldSamples(asker: Asker, stage: Stage, count = SAMPLES): readonly number[] {
  const samples: number[] = [];
  for (let at = 0; at < count + WARM_UP; at++) {
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
  readonly ahead: Ahead;
}

const STREAM = 2000;
/** Turns between two questions, one a millisecond: kube-scheduler binds some 300 pods a second where it is quickest. */
const PAUSE = 3;

export interface Stream {
  readonly samples: readonly number[];
  /** Looks at the demand that took over meanwhile. */
  readonly looks: number;
}

/**
 * Pods of the trace one after the other, as they come to a scheduler that has been up for a while. Between two questions
 * the pod is bound to the best node named, another one goes, and the scheduler prepares what it can in the time there
 * is: at the beginning it is time for a look at the demand.
 */
export function askStream(pods: readonly PodRequest[], stage: Stage, { tenants, ahead }: Cluster): Stream {
  askBefore(pods, stage, ahead);
  const samples: number[] = [];
  const { version } = ahead.packing;
  for (const pod of [...pods, ...pods]) ahead.packing.arrive(askedOf(pod, pod.cpuMilli));
  for (let at = 0; at < STREAM; at++) {
    const request = pods[at % pods.length] as PodRequest;
    ahead.packing.arrive(askedOf(request, request.cpuMilli));
    idle(ahead, PAUSE);
    const { ms, offered } = ask(request, stage, at);
    samples.push(ms);
    const [best] = offered;
    if (best !== undefined) settleOn(tenants, request, best);
    leave(tenants, at * 7919);
    ahead.packing.depart();
  }
  return { samples, looks: ahead.packing.version - version };
}

/** The fleet was filled with pods of these kinds: each has been asked for (twice), some seconds ago. */
function askBefore(pods: readonly PodRequest[], stage: Stage, ahead: Ahead): void {
  const kinds = new Map(pods.map((pod) => [JSON.stringify(pod), pod]));
  [...kinds.values(), ...kinds.values()].forEach((pod, at) => ask(pod, stage, at));
  idle(ahead, Infinity);
}
