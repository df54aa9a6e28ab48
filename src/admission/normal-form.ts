// SPDX-License-Identifier: Apache-2.0
// The one way an admitted pod is written: our names, plain numbers, limits equal to requests, our annotations, our scheduler.
import type { ContainerRequest, PodRequest, SliceRequest } from '../core/request.js';
import type { Vendor } from '../vendors/index.js';
import type { ContainerObject, PodObject } from '../wire/admission.js';
import { type Amounts, containersOf, readAnnotations } from '../wire/pod.js';
import { readAmount, resourceNamesOf } from '../wire/pod-resources.js';

export interface NormalNames {
  readonly vendors: readonly Vendor[];
  readonly schedulerName: string;
}

/** The pod must have been read as `request` already. */
export function normalForm(pod: PodObject, request: PodRequest, names: NormalNames): PodObject {
  const asked = new Map(containersOf(pod.spec).map(({ path }, order) => [path, request.containers[order]]));
  const rewrite = (list: 'containers' | 'initContainers') =>
    pod.spec[list]?.map((container, index) =>
      normalContainer(container, asked.get(`spec.${list}[${index}]`), names.vendors),
    );
  const initContainers = rewrite('initContainers');
  return {
    ...pod,
    metadata: normalMetadata(pod, names.vendors),
    spec: {
      ...pod.spec,
      containers: rewrite('containers') ?? [],
      ...(initContainers === undefined ? {} : { initContainers }),
      schedulerName: names.schedulerName,
    },
  };
}

function normalContainer(
  container: ContainerObject,
  request: ContainerRequest | undefined,
  vendors: readonly Vendor[],
): ContainerObject {
  if (request === undefined || request.slices.length === 0) return container;
  const amounts: Record<string, string> = {};
  const dropped = new Set<string>();
  for (const slice of request.slices) {
    const vendor = vendors.find((row) => row.name === slice.vendor);
    if (vendor === undefined) continue;
    for (const name of resourceNamesOf(vendor)) dropped.add(name);
    Object.assign(amounts, amountsOf(container, vendor, slice));
  }
  const renew = (list: Amounts | undefined): Amounts => ({
    ...Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => !dropped.has(name))),
    ...amounts,
  });
  const { resources } = container;
  const limits = renew(resources?.limits);
  return { ...container, resources: { ...resources, limits, requests: renew(resources?.requests) } };
}

/** Zeros are left out: absent means the same, and is counted by nobody. */
function amountsOf(container: ContainerObject, vendor: Vendor, slice: SliceRequest): Record<string, string> {
  const read = readAmount({ container, kind: 'app', path: '' }, vendor);
  const amount = read.ok ? read.value : null;
  const { memory, memoryPercentage, cores, count, priority } = vendor.resources;
  return {
    ...positive(count, slice.count),
    ...positive(memory[0], slice.memory.kind === 'fixed' ? slice.memory.memory / vendor.memoryUnitMiB : 0),
    ...positive(memoryPercentage[0], slice.memory.kind === 'share' ? slice.memory.permille / 10 : 0),
    ...positive(cores[0], amount?.cores ?? 0),
    ...(typeof amount?.priority === 'number' ? { [priority]: String(amount.priority) } : {}),
  };
}

function positive(name: string | undefined, value: number): Record<string, string> {
  return name === undefined || value <= 0 ? {} : { [name]: String(value) };
}

/** Synonyms move to our keys: whoever reads the pod later finds one truth. */
function normalMetadata(pod: PodObject, vendors: readonly Vendor[]): PodObject['metadata'] {
  const synonyms = new Set(vendors.flatMap((vendor) => Object.keys(vendor.annotations)));
  const { annotations } = pod.metadata;
  if (annotations === undefined || !Object.keys(annotations).some((key) => synonyms.has(key)))
    return pod.metadata;
  const said = readAnnotations(pod, vendors);
  if (!said.ok) return pod.metadata;
  const kept = Object.entries(annotations).filter(([key]) => !synonyms.has(key));
  const ours = [...said.value].map(([key, { value }]) => [key, value] as const);
  return { ...pod.metadata, annotations: Object.fromEntries([...kept, ...ours]) };
}
