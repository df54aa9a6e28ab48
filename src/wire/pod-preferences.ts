// SPDX-License-Identifier: Apache-2.0
// Whether a pod tells kube-scheduler which nodes it would rather have: what is preferred there, not required.
import { isRecord } from './json.js';

const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';
const AFFINITIES = ['nodeAffinity', 'podAffinity', 'podAntiAffinity'];

/** Of a pod as the API server shows it; total, as every reader of what others send. */
export function statesPreferences(raw: Readonly<Record<string, unknown>>): boolean {
  const { affinity, topologySpreadConstraints: spread } = recordOf(raw.spec);
  const affinities = recordOf(affinity);
  if (AFFINITIES.some((kind) => isFilled(recordOf(affinities[kind])[PREFERRED]))) return true;
  return (
    Array.isArray(spread) && spread.some((each) => recordOf(each).whenUnsatisfiable === 'ScheduleAnyway')
  );
}

const isFilled = (list: unknown): boolean => Array.isArray(list) && list.length > 0;
const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
