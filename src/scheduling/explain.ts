// SPDX-License-Identifier: Apache-2.0
// Why does this pod wait, or where does it sit? Per node and per device, as plain data for GET /v1/explain.
import { curableOn } from '../core/cure.js';
import type { Holding } from '../core/holding.js';
import { fit } from '../core/fit.js';
import type { DeviceState, NodeView } from '../core/node.js';
import { placeOn } from '../core/place.js';
import { type PreparedPod, preparePod } from '../core/prepared.js';
import type { DeviceRefusal, NodeRefusal } from '../core/refusal.js';
import { curableOf, textOf } from '../core/refusals.js';
import type { Placement } from '../core/placement.js';
import type { PodRequest } from '../core/request.js';
import { vendorNamed } from '../vendors/index.js';
import type { PodView } from '../wire/pod-view.js';
import { smallestChanges } from './change.js';
import type { Scene } from './filter.js';
import { eachOf, finish, type Steps } from './steps.js';

export interface ExplainedDevice {
  readonly id: string;
  readonly model: string;
  readonly memoryMiB: number;
  readonly freeMiB: number;
  readonly freeCorePercent: number;
  readonly freeSlices: number;
  readonly fits: boolean;
  readonly kind?: string;
  readonly curable?: string;
  readonly text?: string;
}

export interface ExplainedNode {
  readonly node: string;
  readonly fits: boolean;
  readonly kind?: string;
  readonly curable?: string;
  readonly text?: string;
  /** Who is in the way, where one pod is. */
  readonly by?: string;
  readonly detail?: string;
  readonly devices: readonly ExplainedDevice[];
}

export interface Explanation {
  readonly pod: string;
  readonly uid: string;
  readonly revision: number;
  /** placed: bound and held. binding: written, not yet seen. pending: waits. over: its containers have ended. */
  readonly state: 'placed' | 'binding' | 'pending' | 'over';
  readonly text: string;
  readonly node?: string;
  readonly containers?: readonly object[];
  /** Equal reasons counted, most frequent first. */
  readonly summary?: readonly { readonly text: string; readonly curable: string; readonly nodes: number }[];
  /** What would make it fit, each tried on the engine; only where no node can hold it. */
  readonly changes?: readonly ExplainedChange[];
  readonly nodes?: readonly ExplainedNode[];
}

export interface ExplainedChange {
  readonly kind: string;
  /** Goes on after "it would fit …". */
  readonly text: string;
  /** The first node that would take it. */
  readonly node: string;
  /** Whose end it takes, where it takes one. */
  readonly by?: string;
}

/** What is looked at; who holds what is asked only where changes are sought. */
export interface ExplainScene extends Scene {
  readonly holdings?: () => Iterable<Holding>;
}

export const explain = (pod: PodView, holding: Holding | undefined, scene: ExplainScene): Explanation =>
  finish(explainInSteps(pod, holding, scene));

/** A pending pod is tried on every node, many times over: on a large cluster that is seconds. */
export function* explainInSteps(
  pod: PodView,
  holding: Holding | undefined,
  scene: ExplainScene,
): Steps<Explanation> {
  const base = { pod: `${pod.namespace}/${pod.name}`, uid: pod.uid, revision: scene.snapshot.revision };
  if (pod.isOver) return { ...base, state: 'over', text: 'its containers have ended; it holds nothing' };
  if (holding !== undefined) return { ...base, ...explainHolding(holding, scene) };
  if (pod.nodeName !== '')
    return { ...base, state: 'placed', node: pod.nodeName, text: 'bound, and it holds no slice' };
  return { ...base, ...(yield* explainPending(pod, scene)) };
}

function explainHolding(holding: Holding, scene: ExplainScene) {
  const { claim, node, trouble } = holding;
  const state = holding.state === 'held' ? ('placed' as const) : ('binding' as const);
  if (claim.kind === 'unreadable') {
    const text = `holds the whole node: ${claim.detail}`;
    return { state, node, text };
  }
  if (claim.kind === 'none')
    return { state, node, text: 'bound without a placement: its containers are not started with a device' };
  const containers = claim.placement.containers.map(({ name, slices }) => ({
    name,
    slices: slices.map(({ deviceId, memory, cores }) => ({
      device: deviceId,
      memoryMiB: memory,
      corePercent: cores / 10,
    })),
  }));
  const where = `placed on node ${node}${unheld(claim.placement, scene.snapshot.node(node))}`;
  return { state, node, text: trouble === '' ? where : trouble, containers };
}

/** Slices of a vendor whose containers nothing of ours is in. */
function unheld(placement: Placement, node: NodeView | undefined): string {
  const ids = new Set(placement.containers.flatMap(({ slices }) => slices.map(({ deviceId }) => deviceId)));
  const titles = [...(node?.vendors ?? [])].flatMap(([name, { devices }]) => {
    const vendor = vendorNamed(name);
    const isOf = devices.some(({ device }) => ids.has(device.id));
    return isOf && vendor?.enforcement === 'off' ? [vendor.title] : [];
  });
  return titles
    .map((title) => `; enforcement of ${title} is off: its slices are accounted, and held by nothing`)
    .join('');
}

function* explainPending(pod: PodView, scene: ExplainScene): Steps<Pending> {
  if (!pod.request.ok) return { state: 'pending' as const, text: pod.request.error };
  const { value: request } = pod.request;
  const prepared = preparePod(request, scene.defaults);
  const nodes: ExplainedNode[] = [];
  yield* eachOf([...scene.snapshot.allNodes()], (node) => nodes.push(explainNode(prepared, node)));
  const fitting = nodes.filter(({ fits }) => fits).length;
  const waits = fitting === 0 ? 'no node can hold it' : `${fitting} of ${nodes.length} nodes can hold it`;
  const changes = fitting > 0 ? [] : yield* changesFor(request, scene);
  const found = changes.length === 0 ? {} : { changes };
  return { state: 'pending' as const, text: waits, summary: summarise(nodes), ...found, nodes };
}

type Pending = Pick<Explanation, 'state' | 'text' | 'summary' | 'changes' | 'nodes'>;

function* changesFor(request: PodRequest, scene: ExplainScene): Steps<readonly ExplainedChange[]> {
  const changes = yield* smallestChanges(request, scene, scene.holdings?.());
  return changes.map(({ kind, text, node, pod }) => ({
    ...{ kind, text, node },
    ...(pod === undefined ? {} : { by: pod }),
  }));
}

function explainNode(prepared: PreparedPod, node: NodeView): ExplainedNode {
  const answer = placeOn(prepared, node);
  const told: Readonly<Record<string, DeviceRefusal>> =
    !answer.ok && answer.error.kind === 'NoDeviceFits' ? answer.error.devices : {};
  const devices = [...node.vendors.values()]
    .flatMap((vendor) => vendor.devices)
    .map((state) => explainDevice(state, told[state.device.id] ?? refusalAlone(prepared, state)));
  if (answer.ok) return { node: node.name, fits: true, devices };
  const { error } = answer;
  const head = {
    node: node.name,
    fits: false,
    kind: error.kind,
    curable: curableOn(error, prepared, node),
    text: textOf(error),
  };
  return { ...head, ...whoAndWhat(error), devices };
}

/** Why a device could not serve the first wish of its vendor, where the node as a whole was refused. */
function refusalAlone({ asks }: PreparedPod, state: DeviceState): DeviceRefusal | null {
  const wish = asks.find(({ ask }) => ask.vendor === state.device.vendor)?.wishes[0];
  if (wish === undefined) return null;
  const answer = fit(state, wish);
  return answer.ok ? null : answer.error;
}

function whoAndWhat(refusal: NodeRefusal): { by?: string; detail?: string } {
  if ('pod' in refusal) return { by: refusal.pod };
  if (refusal.kind === 'NumaShort') return { detail: numaText(refusal.fit) };
  return 'detail' in refusal ? { detail: refusal.detail } : {};
}

const numaText = (fit: Readonly<Record<string, number>>): string =>
  Object.keys(fit).length === 0
    ? 'no device that fits tells its NUMA node'
    : `devices that fit: ${Object.entries(fit)
        .map(([numa, count]) => `${count} on NUMA node ${numa}`)
        .join(', ')}`;

function explainDevice({ device, hold }: DeviceState, refusal: DeviceRefusal | null): ExplainedDevice {
  const base = {
    id: device.id,
    model: device.model,
    memoryMiB: device.memory,
    freeMiB: Math.max(0, device.memory - hold.memory),
    freeCorePercent: Math.max(0, device.cores - hold.cores) / 10,
    freeSlices: Math.max(0, device.splits - hold.slices),
  };
  if (refusal === null) return { ...base, fits: true };
  const reason = refusal.kind === 'Unhealthy' && refusal.reason !== '' ? `: ${refusal.reason}` : '';
  const text = textOf(refusal) + reason;
  return { ...base, fits: false, kind: refusal.kind, curable: curableOf(refusal), text };
}

function summarise(nodes: readonly ExplainedNode[]) {
  const counts = new Map<string, { text: string; curable: string; nodes: number }>();
  for (const { text, curable } of nodes) {
    if (text === undefined || curable === undefined) continue;
    const row = counts.get(text) ?? { text, curable, nodes: 0 };
    row.nodes += 1;
    counts.set(text, row);
  }
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes || a.text.localeCompare(b.text));
}
