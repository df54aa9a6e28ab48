// SPDX-License-Identifier: Apache-2.0
// Pods as a user writes them, short: only what matters to the case stands in it.
import type { Device } from '../../src/core/device.js';
import { mib, WHOLE_DEVICE } from '../../src/core/units.js';
import type { AdmissionContext } from '../../src/admission/admit.js';
import { VENDORS } from '../../src/vendors/index.js';
import type { ContainerObject, PodObject } from '../../src/wire/admission.js';
import { SCHEDULER_NAME } from '../../src/wire/names.js';

/** Amounts by their last name: `{ gpu: 1, 'gpu-mem': '4Gi' }`. */
export type ShortAmounts = Readonly<Record<string, string | number>>;

export function amounts(short: ShortAmounts): Record<string, string> {
  return Object.fromEntries(
    Object.entries(short).map(([name, value]) => [`nvidia.com/${name}`, String(value)]),
  );
}

/** A container with limits, and the requests the API server copies from them. */
export function askingContainer(short: ShortAmounts, more: Partial<ContainerObject> = {}): ContainerObject {
  return { name: 'a', resources: { limits: amounts(short), requests: amounts(short) }, ...more };
}

export function podAsking(
  containers: readonly ContainerObject[],
  more: {
    readonly annotations?: Record<string, string>;
    readonly labels?: Record<string, string>;
    readonly spec?: Partial<PodObject['spec']>;
  } = {},
): PodObject {
  const { annotations, labels, spec } = more;
  return {
    metadata: {
      name: 'p',
      ...(annotations === undefined ? {} : { annotations }),
      ...(labels === undefined ? {} : { labels }),
    },
    spec: { containers, schedulerName: 'default-scheduler', ...spec },
  };
}

export function aPresentDevice(more: Partial<Device> = {}): Device {
  return {
    id: 'GPU-1',
    vendor: 'nvidia',
    index: 0,
    model: 'NVIDIA A100-SXM4-40GB',
    memory: mib(40_960),
    cores: WHOLE_DEVICE,
    splits: 10,
    numa: 0,
    isHealthy: true,
    reason: '',
    ...more,
  };
}

export function admissionContext(more: Partial<AdmissionContext> = {}): AdmissionContext {
  return { vendors: VENDORS, schedulerName: SCHEDULER_NAME, devicesPerContainer: 16, present: null, ...more };
}
