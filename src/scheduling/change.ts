// SPDX-License-Identifier: Apache-2.0
// What is the least that must change so that this pod fits somewhere? Every answer was tried on the engine itself:
// with it some node takes the pod, and without it none does.
import { physicalMemory } from '../core/device.js';
import type { Holding } from '../core/holding.js';
import type { MiB } from '../core/units.js';
import { mib, milliCores, NO_CORES } from '../core/units.js';
import type { NodeView } from '../core/node.js';
import { canPlace } from '../core/place.js';
import { type PreparedPod, preparePod } from '../core/prepared.js';
import type { DeviceChoice, PodRequest, SliceRequest } from '../core/request.js';
import { DEVICE_TYPE, DEVICE_TYPE_NOT, DEVICE_UUID, DEVICE_UUID_NOT } from '../wire/names.js';
import { cheapestEnd } from './end.js';
import type { Scene } from './filter.js';
import { otherSayings, type Saying } from './policy-change.js';
import { eachOf, firstOf, type Steps } from './steps.js';

/** One way out: the pod asks for less or otherwise, or one other pod ends. */
export interface Change {
  readonly kind: 'memory' | 'cores' | 'memory-and-cores' | 'devices' | 'choice' | 'policy' | 'end';
  /** Goes on after "it would fit …". */
  readonly text: string;
  /** The first node that would take the pod. */
  readonly node: string;
  /** What the pod would ask; that of the pod as it is where another pod ends. */
  readonly request: PodRequest;
  /** Namespace/name and UID of the pod whose end it takes. */
  readonly pod?: string;
  readonly uid?: string;
}

/** Empty where the pod fits already, and where no single change helps. Cheapest to ask for first. */
export function* smallestChanges(
  request: PodRequest,
  scene: Scene,
  holdings: Iterable<Holding> = [],
): Steps<readonly Change[]> {
  const world: World = { scene, nodes: [...scene.snapshot.allNodes()] };
  if ((yield* fitsOn(request, world)) !== null) return [];
  return [
    ...(yield* amountChanges(request, world)),
    ...one(yield* lessDevices(request, world)),
    ...(yield* choiceChanges(request, world)),
    ...(yield* policyChanges(request, world)),
    ...one(yield* otherEnds(request, scene, holdings)),
  ];
}

interface World {
  readonly scene: Scene;
  readonly nodes: readonly NodeView[];
}

const one = (change: Change | null): readonly Change[] => (change === null ? [] : [change]);

/** The first node that takes it. */
function* fitsOn(request: PodRequest, { scene, nodes }: World): Steps<string | null> {
  const prepared = preparePod(request, scene.defaults);
  return (yield* firstOf(nodes, (node) => canPlace(prepared, node)))?.name ?? null;
}

interface Dial {
  readonly kind: Change['kind'];
  readonly least: number;
  readonly most: number;
  /** The pod with this much at most, a device. */
  readonly turn: (limit: number) => PodRequest;
  readonly text: (limit: number) => string;
}

/**
 * The largest limit that fits: each node is asked once whether it beats the best so far, and only one that does is
 * searched by bisection, for less of an amount never fits worse on a device.
 */
function* largest(dial: Dial, { scene, nodes }: World): Steps<Change | null> {
  const prepare = (limit: number): PreparedPod => preparePod(dial.turn(limit), scene.defaults);
  let best: Change | null = null;
  let next = dial.least;
  let better = prepare(next);
  yield* eachOf(nodes, (node) => {
    if (next > dial.most || !canPlace(better, node)) return;
    const limit = bisect(next, dial.most, (above) => canPlace(prepare(above), node));
    best = { kind: dial.kind, text: dial.text(limit), node: node.name, request: dial.turn(limit) };
    next = limit + 1;
    better = prepare(next);
  });
  return best;
}

/** The largest that holds up to `most`, where `known` does. */
function bisect(known: number, most: number, holds: (limit: number) => boolean): number {
  let [low, high] = [known, most];
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Less memory, less compute; both together only where neither alone helps. */
function* amountChanges(request: PodRequest, world: World): Steps<readonly Change[]> {
  const memory = yield* largestOf(memoryDial(request, world), world);
  const cores = yield* largestOf(coresDial(request), world);
  if (memory !== null || cores !== null) return [...one(memory), ...one(cores)];
  return one(yield* both(request, world));
}

function* largestOf(dial: Dial | null, world: World): Steps<Change | null> {
  return dial === null ? null : yield* largest(dial, world);
}

/** As much compute as the least memory leaves, then as much memory beside it. */
function* both(request: PodRequest, world: World): Steps<Change | null> {
  const dial = memoryDial(request, world);
  if (dial === null) return null;
  const cores = yield* largestOf(coresDial(dial.turn(dial.least)), world);
  if (cores === null) return null;
  const limit = Math.max(...slicesOf(cores.request).map((slice) => slice.cores));
  const turn = (memory: number): PodRequest => withCores(dial.turn(memory), limit);
  const text = (memory: number): string => `${dial.text(memory)} and ${coresText(limit / 10)}`;
  return yield* largest({ ...dial, kind: 'memory-and-cores', turn, text }, world);
}

/** In MiB; in thousandths where the pod asks for shares only. A whole device becomes a part, compute best effort. */
function memoryDial(request: PodRequest, world: World): Dial | null {
  const wishes = slicesOf(request).map(({ memory }) => memory);
  const amounts = wishes.map((wish) => (wish.kind === 'fixed' ? wish.memory : 0));
  const base = { kind: 'memory' as const, least: 1 };
  if (wishes.some(({ kind }) => kind === 'whole')) {
    const most = Math.max(largestDevice(world), ...amounts) - 1;
    const turn = (limit: number): PodRequest => withMemory(request, mib(limit));
    return { ...base, most, turn, text: (limit) => `with a part of a device: ${memoryText(limit)}` };
  }
  const most = Math.max(0, ...amounts);
  if (most > 0) {
    const turn = (limit: number): PodRequest => withMemory(request, mib(limit));
    return { ...base, most: most - 1, turn, text: (limit) => `with ${memoryText(limit)}` };
  }
  return shareDial(request);
}

/** A share is written in whole percent. */
function shareDial(request: PodRequest): Dial | null {
  const permilles = slicesOf(request).map(({ memory }) => (memory.kind === 'share' ? memory.permille : 0));
  const most = Math.ceil(Math.max(0, ...permilles) / 10) - 1;
  const turn = (limit: number): PodRequest =>
    withSlices(request, (slice) =>
      slice.memory.kind === 'share'
        ? { ...slice, memory: { kind: 'share', permille: Math.min(slice.memory.permille, limit * 10) } }
        : slice,
    );
  if (most < 1) return null;
  return { kind: 'memory', least: 1, most, turn, text: (limit) => `with memory ≤ ${limit} % of a device` };
}

function largestDevice({ nodes }: World): number {
  let most = 0;
  for (const { vendors } of nodes)
    for (const { devices } of vendors.values())
      for (const { device } of devices) most = Math.max(most, physicalMemory(device));
  return most;
}

/** In whole percent, as pods write it. */
function coresDial(request: PodRequest): Dial | null {
  const parts = slicesOf(request).filter(({ memory }) => memory.kind !== 'whole');
  const most = Math.ceil(Math.max(0, ...parts.map(({ cores }) => cores)) / 10) - 1;
  if (most < 0) return null;
  const turn = (limit: number): PodRequest => withCores(request, limit * 10);
  return { kind: 'cores', least: 0, most, turn, text: (limit) => `with ${coresText(limit)}` };
}

function* lessDevices(request: PodRequest, world: World): Steps<Change | null> {
  const most = Math.max(0, ...slicesOf(request).map(({ count }) => count)) - 1;
  const turn = (limit: number): PodRequest =>
    withSlices(request, (slice) => ({ ...slice, count: Math.min(slice.count, limit) }));
  const text = (limit: number): string => `with ${limit} device${limit === 1 ? '' : 's'} a container`;
  return yield* largest({ kind: 'devices', least: 1, most, turn, text }, world);
}

const CHOICES: readonly (readonly [keyof DeviceChoice, string])[] = [
  ['allowModels', DEVICE_TYPE],
  ['denyModels', DEVICE_TYPE_NOT],
  ['allowIds', DEVICE_UUID],
  ['denyIds', DEVICE_UUID_NOT],
];

/** Each annotation that alone is in the way; all of them where it takes that. */
function* choiceChanges(request: PodRequest, world: World): Steps<readonly Change[]> {
  const said = CHOICES.filter(([list]) => request.choice[list].length > 0);
  const alone: Change[] = [];
  for (const choice of said) alone.push(...one(yield* without([choice], request, world)));
  return alone.length > 0 || said.length < 2 ? alone : one(yield* without(said, request, world));
}

function* without(choices: typeof CHOICES, request: PodRequest, world: World): Steps<Change | null> {
  const dropped = Object.fromEntries(choices.map(([list]) => [list, []]));
  const changed = { ...request, choice: { ...request.choice, ...dropped } };
  const node = yield* fitsOn(changed, world);
  const text = `without ${choices.map(([, key]) => key).join(', ')}`;
  return node === null ? null : { kind: 'choice', text, node, request: changed };
}

/** Another policy, NUMA as a wish; both together only where neither alone helps. */
function* policyChanges(request: PodRequest, world: World): Steps<readonly Change[]> {
  const now = request.devicePolicy ?? world.scene.defaults.devicePolicy;
  const [numa = [], policies = [], both = []] = otherSayings(request, now);
  const alone = [...one(yield* firstSaying(numa, world)), ...one(yield* firstSaying(policies, world))];
  return alone.length > 0 ? alone : one(yield* firstSaying(both, world));
}

function* firstSaying(sayings: readonly Saying[], world: World): Steps<Change | null> {
  for (const { text, request } of sayings) {
    const node = yield* fitsOn(request, world);
    if (node !== null) return { kind: 'policy', text: `with ${text}`, node, request };
  }
  return null;
}

function* otherEnds(request: PodRequest, scene: Scene, holdings: Iterable<Holding>): Steps<Change | null> {
  const holding = yield* cheapestEnd(preparePod(request, scene.defaults), scene.snapshot, holdings);
  if (holding === null) return null;
  const { pod, uid, node } = holding;
  return { kind: 'end', text: `after ${pod} ends`, node, request, pod, uid };
}

const slicesOf = ({ containers }: PodRequest): readonly SliceRequest[] =>
  containers.flatMap(({ slices }) => slices);

function withSlices(request: PodRequest, change: (slice: SliceRequest) => SliceRequest): PodRequest {
  const containers = request.containers.map((each) => ({ ...each, slices: each.slices.map(change) }));
  return { ...request, containers };
}

function withMemory(request: PodRequest, limit: MiB): PodRequest {
  return withSlices(request, (slice) => {
    const { memory } = slice;
    if (memory.kind === 'whole')
      return { ...slice, memory: { kind: 'fixed', memory: limit }, cores: NO_CORES, isExclusive: false };
    if (memory.kind === 'share' || memory.memory <= limit) return slice;
    return { ...slice, memory: { kind: 'fixed', memory: limit } };
  });
}

/** Whole devices have all their compute. */
function withCores(request: PodRequest, limit: number): PodRequest {
  return withSlices(request, (slice) =>
    slice.memory.kind === 'whole' || slice.cores <= limit
      ? slice
      : { ...slice, cores: milliCores(limit), isExclusive: limit >= 1000 },
  );
}

const memoryText = (memory: number): string =>
  memory % 1024 === 0 ? `memory ≤ ${memory / 1024} GiB a device` : `memory ≤ ${memory} MiB a device`;

const coresText = (percent: number): string =>
  percent === 0 ? 'best-effort compute (no cores asked)' : `cores ≤ ${percent} %`;
