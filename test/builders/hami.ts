// SPDX-License-Identifier: Apache-2.0
// HAMi's everyday manifests (test/e2e/hami) and what each asks: judged by the pure room in test/unit, run on real
// nodes in test/e2e.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type {
  DeviceChoice,
  DevicePolicyName,
  NodePolicyName,
  NumaWish,
  SliceRequest,
} from '../../src/core/request.js';
import { mib, milliCores, WHOLE_DEVICE } from '../../src/core/units.js';
import type { PodObject } from '../../src/wire/admission.js';

export interface HamiRow {
  readonly slice: Omit<SliceRequest, 'vendor'>;
  readonly choice?: Partial<DeviceChoice>;
  readonly nodePolicy?: NodePolicyName;
  readonly devicePolicy?: readonly DevicePolicyName[];
  readonly numa?: NumaWish;
}

const part = (memory: number, cores = 0, count = 1): HamiRow['slice'] => ({
  count,
  memory: { kind: 'fixed', memory: mib(memory) },
  cores: milliCores(cores),
  isExclusive: false,
  priority: 'low',
});

/** File name without its ending → what it asks. `GPU_UUID` stands for a device of the cluster. */
export const HAMI_ROWS: Readonly<Record<string, HamiRow>> = {
  'memory-and-cores': { slice: part(3000, 300) },
  'two-devices': { slice: part(3000, 0, 2) },
  percentage: { slice: { ...part(0), memory: { kind: 'share', permille: 500 } } },
  'whole-device': {
    slice: { ...part(0), memory: { kind: 'whole' }, cores: WHOLE_DEVICE, isExclusive: true },
  },
  'no-count': { slice: part(1024) },
  'use-gputype': { slice: part(2000), choice: { allowModels: ['h200', 'V100'] } },
  'nouse-gputype': { slice: part(2000), choice: { denyModels: ['H200', '1080'] } },
  'use-gpuuuid': { slice: part(2000), choice: { allowIds: ['GPU_UUID'] } },
  policies: { slice: part(1000, 100), nodePolicy: 'binpack', devicePolicy: ['spread'] },
  'numa-bind': {
    slice: { ...part(1000, 0, 2), priority: 'high' },
    devicePolicy: ['topology', 'binpack'],
    numa: 'required',
  },
};

export const HAMI_DIR = join(dirname(dirname(fileURLToPath(import.meta.url))), 'e2e', 'hami');

export function readHami(name: string): string {
  return readFileSync(join(HAMI_DIR, `${name}.yaml`), 'utf8');
}

/** The pod the manifest makes, whatever kind it is. */
export function podOfHami(name: string): PodObject {
  const object = parse(readHami(name)) as PodObject & { readonly spec: { readonly template?: PodObject } };
  return object.spec.template ?? object;
}
