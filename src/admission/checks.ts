// SPDX-License-Identifier: Apache-2.0
// What a pod that asks for devices may not do. One row per rule; the first bad field is told.
import type { PodRequest } from '../core/request.js';
import type { Vendor } from '../vendors/index.js';
import type { ContainerObject, PodObject } from '../wire/admission.js';
import { HAMI_SCHEDULER } from '../wire/hami.js';
import { IGNORE_LABELS, WEBHOOK_IGNORE } from '../wire/names.js';
import { type BadField, type ContainerPlace, containersOf } from '../wire/pod.js';
import { resourceNamesOf } from '../wire/pod-resources.js';
import { compareQuantities, parseQuantity } from '../wire/quantity.js';
import { badAnnotation } from './annotations.js';

export interface CheckContext {
  readonly vendors: readonly Vendor[];
  readonly schedulerName: string;
  readonly devicesPerContainer: number;
}

/** One container beside what it asks. */
interface Asking {
  readonly place: ContainerPlace<ContainerObject>;
  readonly slices: PodRequest['containers'][number]['slices'];
}

type PodRule = (pod: PodObject, context: CheckContext, request: PodRequest) => BadField | null;
type ContainerRule = (asking: Asking, context: CheckContext) => BadField | null;

const POD_RULES: readonly PodRule[] = [otherScheduler, handPickedNode, partsApart, badAnnotation];
const CONTAINER_RULES: readonly ContainerRule[] = [
  unequalRequests,
  tooManyDevices,
  privileged,
  ownVisibleDevices,
  ownMountOverOurs,
];

export function firstBadField(pod: PodObject, request: PodRequest, context: CheckContext): BadField | null {
  for (const rule of POD_RULES) {
    const bad = rule(pod, context, request);
    if (bad !== null) return bad;
  }
  for (const [order, place] of containersOf(pod.spec).entries()) {
    const asking = { place, slices: request.containers[order]?.slices ?? [] };
    for (const rule of CONTAINER_RULES) {
      const bad = rule(asking, context);
      if (bad !== null) return bad;
    }
  }
  return null;
}

/** Pods that name these are taken over, as HAMi takes over those of the default scheduler. */
const TAKEN_OVER = ['', 'default-scheduler', HAMI_SCHEDULER];

function otherScheduler({ spec }: PodObject, { schedulerName }: CheckContext): BadField | null {
  const value = spec.schedulerName ?? '';
  if ([schedulerName, ...TAKEN_OVER].includes(value)) return null;
  const [label] = IGNORE_LABELS;
  const want = `only ${schedulerName} gives out these devices; leave it out, or label the pod ${label}: ${WEBHOOK_IGNORE} to keep Kerf away`;
  return { field: 'spec.schedulerName', value, want };
}

function handPickedNode({ spec }: PodObject): BadField | null {
  const value = spec.nodeName ?? '';
  if (value === '') return null;
  const want =
    'a pod bound by hand gets no device; use spec.nodeSelector with kubernetes.io/hostname instead';
  return { field: 'spec.nodeName', value, want };
}

/**
 * Devices on one container and the part on another: each container holds its own slices, so this would be a
 * whole device here and a slice of another device there. Nobody means that without saying the count twice.
 */
function partsApart(pod: PodObject, { vendors }: CheckContext): BadField | null {
  const places = containersOf(pod.spec);
  for (const vendor of vendors) {
    const { count, memory, memoryPercentage, cores } = vendor.resources;
    const parts = [...memory, ...memoryPercentage, ...cores];
    const whole = places.find(
      (place) => amountIn(place, [count]) !== null && amountIn(place, parts) === null,
    );
    const part = places.find((place) => amountIn(place, [count]) === null && amountIn(place, parts) !== null);
    const named = part === undefined ? null : amountIn(part, parts);
    if (whole === undefined || part === undefined || named === null) continue;
    const want = `${whole.path} asks ${count} without a part and ${part.path} a part without ${count}; slices belong to one container, so write ${count} beside the part`;
    return { field: limitOf(part, named.name), value: named.value, want };
  }
  return null;
}

/** The first of the names that the container asks more than nothing of. */
function amountIn(
  { container }: ContainerPlace,
  names: readonly string[],
): { readonly name: string; readonly value: string } | null {
  for (const name of names) {
    const value = String(container.resources?.limits?.[name] ?? container.resources?.requests?.[name] ?? '0');
    const quantity = parseQuantity(value);
    if (quantity !== null && quantity.numerator > 0n) return { name, value };
  }
  return null;
}

function limitOf(place: ContainerPlace, name: string): string {
  return `${place.path}.resources.limits[${JSON.stringify(name)}]`;
}

function unequalRequests({ place }: Asking, { vendors }: CheckContext): BadField | null {
  const { limits, requests } = place.container.resources ?? {};
  for (const name of vendors.flatMap(resourceNamesOf)) {
    const [limit, request] = [limits?.[name], requests?.[name]];
    if (limit === undefined || request === undefined) continue;
    const [most, least] = [parseQuantity(String(limit)), parseQuantity(String(request))];
    if (most !== null && least !== null && compareQuantities(most, least) === 0) continue;
    const field = `${place.path}.resources.requests[${JSON.stringify(name)}]`;
    return {
      field,
      value: String(request),
      want: `want it equal to the limit, ${String(limit)}; or leave it out`,
    };
  }
  return null;
}

function tooManyDevices({ place, slices }: Asking, context: CheckContext): BadField | null {
  const slice = slices.find(({ count }) => count > context.devicesPerContainer);
  const vendor = context.vendors.find(({ name }) => name === slice?.vendor);
  if (slice === undefined || vendor === undefined) return null;
  const want = `want at most ${context.devicesPerContainer} devices a container, as the policy of this cluster says`;
  return { field: limitOf(place, vendor.resources.count), value: String(slice.count), want };
}

function privileged({ place, slices }: Asking): BadField | null {
  if (slices.length === 0 || place.container.securityContext?.privileged !== true) return null;
  const want =
    'a privileged container sees every device of its node, so it cannot be held to a slice; want false';
  return { field: `${place.path}.securityContext.privileged`, value: 'true', want };
}

/** In a container without a slice these values say "no devices", which is what it gets anyway. */
const NO_DEVICES = ['', 'none', 'void'];

function ownVisibleDevices({ place, slices }: Asking, { vendors }: CheckContext): BadField | null {
  for (const [index, { name, value = '' }] of (place.container.env ?? []).entries()) {
    const vendor = vendors.find(({ visibleDevicesEnv }) => visibleDevicesEnv === name);
    if (vendor === undefined) continue;
    if (slices.length === 0 && NO_DEVICES.includes(value)) continue;
    const want = `devices are chosen by what ${vendor.resources.count} asks for; leave ${name} out`;
    return { field: `${place.path}.env[${index}] ${name}`, value, want };
  }
  return null;
}

/** Where the library, its limits and its region appear in a container that holds a slice. */
const OUR_PATHS = ['/usr/local/kerf', '/etc/ld.so.preload'];

function ownMountOverOurs({ place, slices }: Asking): BadField | null {
  if (slices.length === 0) return null;
  for (const [index, { mountPath }] of (place.container.volumeMounts ?? []).entries()) {
    const path = plainPath(mountPath);
    const ours = OUR_PATHS.find((own) => path === own || path.startsWith(`${own}/`));
    if (ours === undefined) continue;
    const want = `${ours} is where the slice's limits are mounted; choose another path`;
    return { field: `${place.path}.volumeMounts[${index}].mountPath`, value: mountPath, want };
  }
  return null;
}

/** Without doubled slashes, dots and a slash at the end: the runtime resolves them, so we do. */
function plainPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
