// SPDX-License-Identifier: Apache-2.0
// Letter: a pod as the API server sends it, cut down to what placing needs. Total: whatever comes, something
// comes out, because one odd pod may not stop the watch.
import { isInitOnly, slotsWanted } from '../core/phases.js';
import { asksForDevices, type PodRequest } from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';
import type { ContainerKinds } from '../core/holding.js';
import type { Vendor } from '../vendors/index.js';
import { type HamiLetter, hamiLettersOf } from './hami-placement.js';
import { isRecord } from './json.js';
import { PLACEMENT } from './names.js';
import { type ResizeSaid, resizeSaid } from './resize.js';
import { cpuMilliOf } from './pod-cpu.js';
import { containersOf, type PodLike, readPodRequest, sentenceOf } from './pod.js';

export interface PodView {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty until bound. */
  readonly nodeName: string;
  /** Empty once it is bound: rules look at pods that wait, and of a hundred thousand that run nobody asks. */
  readonly labels: ReadonlyMap<string, string>;
  readonly schedulerName: string;
  readonly resourceVersion: string;
  /** All its containers are over: it holds nothing. */
  readonly isOver: boolean;
  readonly isTerminating: boolean;
  /** What it asks, or the sentence that says why nobody can tell. */
  readonly request: Result<PodRequest, string>;
  readonly asksForDevices: boolean;
  readonly containers: ContainerKinds;
  readonly slots: ReadonlyMap<string, number>;
  /** Its init containers alone ask, and one that asks has not started yet. */
  readonly isInitOnlyUnstarted: boolean;
  /** The letter as it stands, undecoded; null when there is none. */
  readonly placement: string | null;
  /** null on nearly all. */
  readonly resize: ResizeSaid | null;
  /** HAMi's letters on a pod that asks, undecoded; mostly none. */
  readonly hamiLetters: readonly HamiLetter[];
  /** CPU it requests, in thousandths, as the kubelet counts. */
  readonly cpuMilli: number;
  /** Made by a DaemonSet, or by the node itself: it comes with the node and goes with it. */
  readonly isOfNode: boolean;
}

const ASKS_NOTHING: PodRequest = {
  containers: [],
  choice: { allowModels: [], denyModels: [], allowIds: [], denyIds: [] },
  nodePolicy: null,
  devicePolicy: null,
  numa: null,
  cpuMilli: 0,
};
const NO_SLOTS: ReadonlyMap<string, number> = new Map();
const NO_CONTAINERS: ContainerKinds = [];
const NO_LABELS: ReadonlyMap<string, string> = new Map();
const NO_LETTERS: readonly HamiLetter[] = [];

/** Field by field: every event of a pod makes one, and spreading parts of it took longer than reading them. */
export function readPodView(raw: unknown, vendors: readonly Vendor[]): PodView {
  const pod = isRecord(raw) ? raw : {};
  const metadata = recordOf(pod.metadata);
  const spec = recordOf(pod.spec);
  const annotations = recordOf(metadata.annotations);
  const letter = annotations[PLACEMENT];
  const placement = typeof letter === 'string' ? letter : null;
  const wishes = wishesOf(pod, vendors, placement !== null);
  return {
    uid: textOf(metadata.uid),
    namespace: textOf(metadata.namespace),
    name: textOf(metadata.name),
    nodeName: textOf(spec.nodeName),
    labels: labelsOf(metadata.labels, spec.nodeName),
    schedulerName: textOf(spec.schedulerName),
    resourceVersion: textOf(metadata.resourceVersion),
    isOver: isOver(recordOf(pod.status).phase),
    isTerminating: metadata.deletionTimestamp !== undefined,
    request: wishes.request,
    asksForDevices: wishes.asksForDevices,
    containers: wishes.containers,
    slots: wishes.slots,
    isInitOnlyUnstarted: wishes.isInitOnlyUnstarted,
    placement,
    hamiLetters: wishes.asksForDevices ? hamiLettersOf(annotations, vendors) : NO_LETTERS,
    resize: resizeSaid(annotations),
    cpuMilli: cpuMilliOf(spec),
    isOfNode: isOfNode(metadata.ownerReferences),
  };
}

function labelsOf(labels: unknown, nodeName: unknown): ReadonlyMap<string, string> {
  if (typeof nodeName === 'string' || !isRecord(labels)) return NO_LABELS;
  const texts = Object.entries(labels).filter((row): row is [string, string] => typeof row[1] === 'string');
  return texts.length === 0 ? NO_LABELS : new Map(texts);
}

type Wishes = Pick<PodView, 'request' | 'asksForDevices' | 'containers' | 'slots' | 'isInitOnlyUnstarted'>;

/** Nearly all pods of a cluster ask for nothing: they share their empty answers. */
const WISHES_NOTHING: Wishes = {
  request: ok(ASKS_NOTHING),
  asksForDevices: false,
  containers: NO_CONTAINERS,
  slots: NO_SLOTS,
  isInitOnlyUnstarted: false,
};

function wishesOf(pod: Record<string, unknown>, vendors: readonly Vendor[], isPlaced: boolean): Wishes {
  const request = readRequest(pod, vendors);
  const asks = request.ok ? asksForDevices(request.value) : true;
  if (!asks && !isPlaced) return WISHES_NOTHING;
  const counted = request.ok ? request : countedBy(pod, vendors);
  return {
    request,
    asksForDevices: asks,
    containers: kindsOf(pod),
    slots: counted.ok ? slotsWanted(counted.value) : NO_SLOTS,
    isInitOnlyUnstarted: counted.ok && isInitOnly(counted.value) && !haveInitsStarted(pod, counted.value),
  };
}

/**
 * The pod as the kubelet reads it, by its counts alone: it lends slots whatever the amounts beside them and the
 * annotations say, and annotations may be made unreadable while the pod runs.
 */
function countedBy(pod: Record<string, unknown>, vendors: readonly Vendor[]): Result<PodRequest, string> {
  const counts = new Set(vendors.map(({ resources }) => resources.count));
  const spec = recordOf(pod.spec);
  const only = (list: unknown): unknown[] =>
    (Array.isArray(list) ? list : []).map((each: unknown) => {
      const { name, restartPolicy, resources } = recordOf(each);
      const limits = Object.entries(recordOf(recordOf(resources).limits)).filter(([key]) => counts.has(key));
      return { name, restartPolicy, resources: { limits: Object.fromEntries(limits) } };
    });
  const { containers, initContainers } = spec;
  return readRequest(
    { spec: { containers: only(containers), initContainers: only(initContainers) } },
    vendors,
  );
}

/** Of a shape that is no pod's: none, and then every container of its placement counts as an app. */
function kindsOf(pod: PodLike): ContainerKinds {
  try {
    return containersOf(pod.spec ?? {}).map(({ container, kind }) => ({ name: container.name, kind }));
  } catch {
    return NO_CONTAINERS;
  }
}

function readRequest(pod: unknown, vendors: readonly Vendor[]): Result<PodRequest, string> {
  try {
    const request = readPodRequest(pod as PodLike, vendors);
    return request.ok ? request : err(sentenceOf(request.error));
  } catch {
    // Not the shape of a pod at all: the API server sends none such, a fuzzed extender body may be one.
    return err('the pod cannot be read');
  }
}

function haveInitsStarted(pod: Record<string, unknown>, request: PodRequest): boolean {
  const statuses = recordOf(pod.status).initContainerStatuses;
  const started = new Set((Array.isArray(statuses) ? statuses : []).filter(hasStarted).map(nameOf));
  return request.containers
    .filter(({ kind, slices }) => kind === 'init' && slices.length > 0)
    .every(({ name }) => started.has(name));
}

function hasStarted(status: unknown): boolean {
  const { state, lastState } = recordOf(status);
  const { running, terminated } = recordOf(state);
  return running !== undefined || terminated !== undefined || recordOf(lastState).terminated !== undefined;
}

function isOfNode(owners: unknown): boolean {
  if (!Array.isArray(owners)) return false;
  const kinds = (owners as unknown[]).filter(isRecord).map(({ kind }) => kind);
  return kinds.includes('DaemonSet') || kinds.includes('Node');
}

const nameOf = (status: unknown): unknown => recordOf(status).name;
const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const isOver = (phase: unknown): boolean => phase === 'Succeeded' || phase === 'Failed';
