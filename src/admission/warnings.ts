// SPDX-License-Identifier: Apache-2.0
// What is let through but should be known: told to whoever runs kubectl, and nobody else.
import type { PodRequest } from '../core/request.js';
import { WHOLE_DEVICE } from '../core/units.js';
import type { Vendor } from '../vendors/index.js';
import type { PodObject } from '../wire/admission.js';
import { DISABLE_ENV, UNHONOURED_ANNOTATIONS } from '../wire/hami.js';
import { DOMAIN, POD_ANNOTATIONS } from '../wire/names.js';
import { annotationPath, containersOf } from '../wire/pod.js';
import { type Amount, readAmount, resourceNamesOf } from '../wire/pod-resources.js';
import { type PresentNodes, presentWarnings } from './present.js';

export interface WarningContext {
  readonly vendors: readonly Vendor[];
  readonly present: PresentNodes;
}

export function warningsFor(pod: PodObject, request: PodRequest, context: WarningContext): readonly string[] {
  return [
    ...nameWarnings(pod, context.vendors),
    ...amountWarnings(pod, context.vendors),
    ...annotationWarnings(pod),
    ...containerWarnings(pod, request),
    ...presentWarnings(request, context.present),
  ];
}

/** Resources of the vendor's domain that are none of ours: a slip of the pen, or another plugin's. */
function nameWarnings(pod: PodObject, vendors: readonly Vendor[]): readonly string[] {
  return containersOf(pod.spec).flatMap(({ container, path }) => {
    const named = Object.keys({ ...container.resources?.limits, ...container.resources?.requests });
    return vendors.flatMap((vendor) => {
      const known = resourceNamesOf(vendor);
      const domain = `${vendor.resources.count.split('/')[0]}/`;
      return named
        .filter((name) => name.startsWith(domain) && !known.includes(name))
        .map(
          (name) =>
            `${path}: ${name} is no resource of Kerf, and the pod waits for ever unless another plugin offers it; ` +
            `known: ${known.join(', ')}`,
        );
    });
  });
}

/** Amounts that say nothing, or that another amount outdoes. */
function amountWarnings(pod: PodObject, vendors: readonly Vendor[]): readonly string[] {
  return containersOf(pod.spec).flatMap((place) =>
    vendors.flatMap((vendor) => {
      const read = readAmount(place, vendor);
      const flaw = read.ok && read.value !== null ? idleAmount(read.value, vendor) : null;
      return flaw === null ? [] : [`${place.path}: ${flaw}`];
    }),
  );
}

function idleAmount(amount: Amount, { resources }: Vendor): string | null {
  const [memory, share] = [amount.memory ?? 0, amount.percentage ?? 0];
  const [memoryName = '', shareName = ''] = [resources.memory[0], resources.memoryPercentage[0]];
  if (memory > 0 && share > 0) return `${memoryName} (${memory} MiB) wins over ${shareName} (${share})`;
  return memory > 0 || share > 0 ? null : wholeBy(amount, { memoryName, shareName });
}

/** Who names neither memory nor share gets whole devices: right for a mere count, a surprise beside a part of compute. */
function wholeBy(
  amount: Amount,
  names: { readonly memoryName: string; readonly shareName: string },
): string | null {
  if (amount.memory === 0) return `${names.memoryName} is 0, which means the whole device`;
  if (amount.percentage === 0) return `${names.shareName} is 0, which means the whole device`;
  const isPartOfCompute = (amount.cores ?? 0) > 0 && (amount.cores ?? 0) < WHOLE_DEVICE;
  return isPartOfCompute
    ? `neither ${names.memoryName} nor ${names.shareName} is named, which means the whole device`
    : null;
}

function annotationWarnings(pod: PodObject): readonly string[] {
  const keys = Object.keys(pod.metadata.annotations ?? {});
  const unknown = keys.filter((key) => key.startsWith(`${DOMAIN}/`) && !POD_ANNOTATIONS.includes(key));
  const idle = keys.filter((key) => UNHONOURED_ANNOTATIONS.includes(key));
  return [
    ...unknown.map((key) => `${annotationPath(key)} is not known here; known: ${POD_ANNOTATIONS.join(', ')}`),
    ...idle.map((key) => `${annotationPath(key)} has no effect in this version`),
  ];
}

/** Env that reads as if it could lift the limit; it cannot. */
const POWERLESS_ENV = ['LD_PRELOAD', DISABLE_ENV];
/** With these a process may take mounts away or write into its neighbours. */
const MIGHTY = ['ALL', 'CAP_ALL', 'SYS_ADMIN', 'CAP_SYS_ADMIN', 'SYS_PTRACE', 'CAP_SYS_PTRACE'];

function containerWarnings(pod: PodObject, request: PodRequest): readonly string[] {
  return containersOf(pod.spec).flatMap(({ container, path }, order) => {
    if ((request.containers[order]?.slices.length ?? 0) === 0) return [];
    const added = container.securityContext?.capabilities?.add ?? [];
    return [
      ...(container.env ?? [])
        .filter(({ name }) => POWERLESS_ENV.includes(name))
        .map(({ name }) => `${path}: env ${name} does not change the limits of the slice`),
      ...added
        .filter((name) => MIGHTY.includes(name))
        .map((name) => `${path}: with capability ${name} a process can undo the limits of its own slice`),
    ];
  });
}
