// SPDX-License-Identifier: Apache-2.0
// A fleet filled with pods of the openb trace, no two nodes alike, and the pods that ask next: about 90 shapes that come
// again and again. The trace is read from ../shared/traces/openb, or from the folder that KERF_OPENB names.
import { join } from 'node:path';
import { readTrace } from '../../src/apps/cli/trace-files.js';
import { Ledger } from '../../src/core/ledger.js';
import type { OpenbPod } from '../../src/wire/openb.js';
import { Foresight } from '../../src/core/foresight.js';
import { askedOf } from '../../src/core/packing/asked.js';
import { LivePacking } from '../../src/core/packing/live.js';
import { randomFrom } from '../../src/core/packing/random.js';
import { place } from '../../src/core/place.js';
import type { Placement } from '../../src/core/placement.js';
import { DEFAULT_RULES } from '../../src/core/policies.js';
import { ANY_DEVICE, type PodRequest, type SliceRequest } from '../../src/core/request.js';
import { milliCores, WHOLE_DEVICE } from '../../src/core/units.js';
import { factsOf, nodeName, VENDOR } from './fleet.js';

const FOLDER = process.env.KERF_OPENB ?? new URL('../../../shared/traces/openb', import.meta.url).pathname;
const SEED = 42;
/** Nodes tried for one pod before it is given up. */
const TRIES = 50;

/** Pods of the trace that ask for devices, in random order; the same ones in every run. */
export function tracePods(): readonly PodRequest[] {
  const { pods } = readTrace({
    nodes: join(FOLDER, 'openb_node_list_gpu_node.csv'),
    pods: join(FOLDER, 'openb_pod_list_default.csv'),
  });
  const random = randomFrom(SEED);
  return pods
    .filter(({ gpus }) => gpus > 0)
    .map((pod) => ({ pod, turn: random() }))
    .sort((a, b) => a.turn - b.turn)
    .map(({ pod }) => requestOf(pod));
}

/** A part of a device is the same part of its memory and its compute. */
function requestOf({ gpus, gpuMilli, cpuMilli }: OpenbPod): PodRequest {
  const isWhole = gpuMilli === 1000;
  const slice: SliceRequest = {
    vendor: VENDOR,
    count: gpus,
    memory: isWhole ? { kind: 'whole' } : { kind: 'share', permille: gpuMilli },
    cores: isWhole ? WHOLE_DEVICE : milliCores(gpuMilli),
    isExclusive: isWhole,
    priority: 'low',
  };
  const containers = [{ name: 'main', kind: 'app' as const, slices: [slice] }];
  return { containers, choice: ANY_DEVICE, nodePolicy: null, devicePolicy: null, numa: null, cpuMilli };
}

/** What the scheduler prepares between the calls. */
export interface Ahead {
  readonly packing: LivePacking;
  readonly foresight: Foresight;
}

/** Has seen these pods come, and has looked. */
export function aheadFor(ledger: Ledger, pods: readonly PodRequest[]): Ahead {
  const foresight = new Foresight(ledger);
  const packing = new LivePacking(
    () => ledger.allNodes(),
    (next) => foresight.under(next),
  );
  packing.begin(pods.map((pod) => askedOf(pod, pod.cpuMilli)));
  while (packing.step(ROOMS));
  return { packing, foresight };
}

/** A turn of the scheduler's (see apps/scheduler/packing): at most one a millisecond, which is what a timer waits at least. */
const ROOMS = 128;
const ROWS = 192;

/** So many turns at most. */
export function idle({ packing, foresight }: Ahead, turns: number): void {
  let isBusy = true;
  for (let turn = 0; turn < turns && isBusy; turn++) {
    const isLooking = packing.step(ROOMS);
    isBusy = foresight.step(ROWS) || isLooking;
  }
}

/** Who came, in order of coming, so that somebody can go. */
export interface Tenants {
  readonly ledger: Ledger;
  readonly uids: string[];
  slices: number;
  count: number;
}

/** Fills nodes of 8 devices with pods at random, until so many slices are held. */
export function filledByTrace(pods: readonly PodRequest[], size: { nodes: number; slices: number }): Tenants {
  const tenants: Tenants = { ledger: new Ledger(), uids: [], slices: 0, count: 0 };
  for (let node = 0; node < size.nodes; node++) tenants.ledger.setNode(factsOf(node));
  const random = randomFrom(SEED);
  for (let at = 0; tenants.slices < size.slices; at++)
    settle(tenants, pods[at % pods.length] as PodRequest, () => nodeName(Math.floor(random() * size.nodes)));
  return tenants;
}

function settle(tenants: Tenants, request: PodRequest, pick: () => string): void {
  for (let tries = 0; tries < TRIES; tries++) if (settleOn(tenants, request, pick())) return;
}

/** As bind and the watch do it; false where it does not fit. */
export function settleOn(tenants: Tenants, request: PodRequest, name: string): boolean {
  const node = tenants.ledger.node(name);
  const placed = node === undefined ? null : place(request, node, DEFAULT_RULES);
  if (placed?.ok !== true) return false;
  const uid = `trace-${tenants.count++}`;
  const slots = new Map([[VENDOR, slicesOf(placed.value)]]);
  const { cpuMilli } = request;
  const facts = {
    uid,
    pod: `trace/${uid}`,
    containers: KINDS,
    slots,
    isInitOnly: false,
    node: name,
    cpuMilli,
  };
  tenants.ledger.assume({ ...facts, placement: placed.value, until: 60_000 });
  tenants.ledger.confirm({ ...facts, claim: { kind: 'placed', placement: placed.value } });
  tenants.uids.push(uid);
  tenants.slices += slicesOf(placed.value);
  return true;
}

/** The one that came at this place among those there goes. */
export function leave(tenants: Tenants, at: number): void {
  const [uid] = tenants.uids.splice(at % tenants.uids.length, 1);
  const holding = tenants.ledger.holding(uid ?? '');
  if (holding === undefined) return;
  tenants.ledger.release(holding.uid);
  tenants.slices -= holding.claim.kind === 'placed' ? slicesOf(holding.claim.placement) : 0;
}

const KINDS = [{ name: 'main', kind: 'app' }] as const;
const slicesOf = ({ containers }: Placement): number =>
  containers.reduce((sum, { slices }) => sum + slices.length, 0);
