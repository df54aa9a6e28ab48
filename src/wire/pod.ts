// SPDX-License-Identifier: Apache-2.0
// Letter: what a pod asks of us, read from its resources and annotations. Admission writes the normal form
// (our first names, limits equal to requests); this reader takes synonyms too, for pods that came past admission.
import {
  ANY_DEVICE,
  type ContainerKind,
  type ContainerRequest,
  type DeviceChoice,
  type NumaWish,
  type PodRequest,
} from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';
import type { Vendor } from '../vendors/index.js';
import { shown } from './json.js';
import { HAMI_WORDS } from './hami.js';
import {
  DEVICE_POLICY,
  DEVICE_TYPE,
  DEVICE_TYPE_NOT,
  DEVICE_UUID,
  DEVICE_UUID_NOT,
  NODE_POLICY,
  NUMA,
} from './names.js';
import { readDevicePolicy, readNodePolicy } from './policy-text.js';
import { cpuMilliOf } from './pod-cpu.js';
import { readSlices } from './pod-resources.js';
import { readSharing } from './pod-sharing.js';
import { annotationPath, type BadField, containersOf, type PodLike, quoted } from './pod-shape.js';

export * from './pod-shape.js';

/** Reads the whole pod; the first bad field ends it. Containers that ask for nothing have no slices. */
export function readPodRequest(pod: PodLike, vendors: readonly Vendor[]): Result<PodRequest, BadField> {
  const containers: ContainerRequest[] = [];
  for (const place of containersOf(pod.spec ?? {})) {
    // The API server sends none such; a placement that names it could be read by nobody.
    if (typeof place.container.name !== 'string')
      return err({ field: `${place.path}.name`, value: shown(place.container.name), want: 'want a text' });
    const slices = readSlices(place, vendors);
    if (!slices.ok) return slices;
    containers.push({ name: place.container.name, kind: place.kind, slices: slices.value });
  }
  return withWishes(containers, pod, vendors);
}

/** Adds what its annotations say. */
function withWishes(
  containers: readonly ContainerRequest[],
  pod: PodLike,
  vendors: readonly Vendor[],
): Result<PodRequest, BadField> {
  const said = readAnnotations(pod, vendors);
  if (!said.ok) return said;
  const nodePolicy = readSaid(said.value.get(NODE_POLICY), readNodePolicy);
  if (!nodePolicy.ok) return nodePolicy;
  const devicePolicy = readSaid(said.value.get(DEVICE_POLICY), readDevicePolicy);
  if (!devicePolicy.ok) return devicePolicy;
  const numa = readSaid(said.value.get(NUMA), readNuma);
  if (!numa.ok) return numa;
  const sharing = readSharing(pod.metadata?.annotations ?? {});
  if (!sharing.ok) return sharing;
  const long = longList(said.value);
  if (long !== null) return err(long);
  return ok({
    containers,
    choice: choiceOf(said.value),
    nodePolicy: nodePolicy.value,
    devicePolicy: devicePolicy.value,
    numa: numa.value,
    cpuMilli: cpuMilliOf(pod.spec),
    ...sharing.value,
  });
}

/** One asking container's share of a resource the kubelet counts. */
export interface SlotWish {
  readonly container: string;
  readonly kind: ContainerKind;
  /** The vendor's count resource: the only one the kubelet knows. */
  readonly resource: string;
  readonly count: number;
}

/** The slots a pod will take of each count resource, per asking container in the kubelet's order. */
export function slotsOf(request: PodRequest, vendors: readonly Vendor[]): readonly SlotWish[] {
  const resourceOf = new Map(vendors.map((vendor) => [vendor.name, vendor.resources.count]));
  return request.containers.flatMap(({ name, kind, slices }) =>
    slices.map(({ vendor, count }) => ({
      container: name,
      kind,
      resource: resourceOf.get(vendor) ?? '',
      count,
    })),
  );
}

const OURS = [
  ...[NODE_POLICY, DEVICE_POLICY, NUMA],
  ...[DEVICE_TYPE, DEVICE_TYPE_NOT, DEVICE_UUID, DEVICE_UUID_NOT],
].map((key) => [key, key] as const);

/** What an annotation of ours says, and the key and the words it was written in. */
export interface Said {
  readonly key: string;
  readonly value: string;
  readonly written: string;
}

/** Our annotations by our keys, synonyms taken in; two keys of one meaning may not disagree. */
export function readAnnotations(
  pod: PodLike,
  vendors: readonly Vendor[],
): Result<ReadonlyMap<string, Said>, BadField> {
  const annotations = pod.metadata?.annotations ?? {};
  const meanings = meaningsOf(vendors);
  return hasAny(annotations, meanings) ? readMeant(annotations, meanings) : SAID_NOTHING;
}

function readMeant(
  annotations: Readonly<Record<string, string>>,
  meanings: Meanings,
): Result<ReadonlyMap<string, Said>, BadField> {
  const said = new Map<string, Said>();
  for (const [key, meaning] of meanings) {
    const written = annotations[key];
    const value = inOurWords(key, written ?? '');
    if (written === undefined || (value === '' && written !== '')) continue;
    const first = said.get(meaning);
    if (first === undefined) said.set(meaning, { key, value, written });
    else if (first.value !== value)
      return err({
        field: annotationPath(key),
        value: written,
        want: `it means the same as ${first.key}, which says ${quoted(first.written)}; write only one of them`,
      });
  }
  return ok(said);
}

const SAID_NOTHING = ok<ReadonlyMap<string, Said>>(new Map());

/** Key → what it means in ours; of one list of vendors worked out once. */
type Meanings = ReadonlyMap<string, string>;
const meanings = new WeakMap<readonly Vendor[], Meanings>();

function meaningsOf(vendors: readonly Vendor[]): Meanings {
  const known = meanings.get(vendors);
  if (known !== undefined) return known;
  const synonyms = vendors.flatMap((vendor) => Object.entries(vendor.annotations));
  const all = new Map([...OURS, ...synonyms]);
  meanings.set(vendors, all);
  return all;
}

function hasAny(annotations: object, keys: Meanings): boolean {
  for (const key in annotations) if (keys.has(key)) return true;
  return false;
}

function inOurWords(key: string, written: string): string {
  const words = HAMI_WORDS[key];
  if (words === undefined) return written;
  const ours = (word: string): string => (Object.hasOwn(words, word) ? (words[word] ?? '') : word);
  return written
    .split(',')
    .map((word) => ours(word.trim()))
    .join(',');
}

/** `read` tells as its error what would be right. */
function readSaid<T>(
  said: Said | undefined,
  read: (text: string, key: string) => Result<T, string>,
): Result<T | null, BadField> {
  if (said === undefined) return ok(null);
  const value = read(said.value, said.key);
  return value.ok ? value : err({ field: annotationPath(said.key), value: said.written, want: value.error });
}

const NUMA_WISHES: readonly NumaWish[] = ['required', 'preferred'];

function readNuma(text: string, key: string): Result<NumaWish, string> {
  const wish = NUMA_WISHES.find((each) => each === text.trim());
  const words = key === NUMA ? NUMA_WISHES : Object.keys(HAMI_WORDS[key] ?? {});
  return wish === undefined ? err(`want one of ${words.join(', ')}`) : ok(wish);
}

/** Every entry is compared with every device of the cluster: a list without end would stop the scheduler. */
const MOST_ENTRIES = 64;
const LONGEST_LIST = 4096;

function longList(said: ReadonlyMap<string, Said>): BadField | null {
  if (said.size === 0) return null;
  for (const key of [DEVICE_TYPE, DEVICE_TYPE_NOT, DEVICE_UUID, DEVICE_UUID_NOT]) {
    const written = said.get(key);
    if (written === undefined) continue;
    if (written.value.length <= LONGEST_LIST && listOf(written).length <= MOST_ENTRIES) continue;
    const want = `want at most ${MOST_ENTRIES} entries with commas between, in ${LONGEST_LIST} letters`;
    return { field: annotationPath(written.key), value: written.value, want };
  }
  return null;
}

function choiceOf(said: ReadonlyMap<string, Said>): DeviceChoice {
  if (said.size === 0) return ANY_DEVICE;
  return {
    allowModels: listOf(said.get(DEVICE_TYPE)),
    denyModels: listOf(said.get(DEVICE_TYPE_NOT)),
    allowIds: listOf(said.get(DEVICE_UUID)),
    denyIds: listOf(said.get(DEVICE_UUID_NOT)),
  };
}

function listOf(said: Said | undefined): readonly string[] {
  const entries = (said?.value ?? '').split(',').map((entry) => entry.trim());
  return entries.filter((entry) => entry !== '');
}
