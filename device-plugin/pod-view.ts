// SPDX-License-Identifier: Apache-2.0
// What the node needs of a pod; everything else is let go the moment it is parsed.
import type { ContainerKind } from '../src/core/request.js';
import { isRecord } from '../src/wire/json.js';
import { PLACEMENT } from '../src/wire/names.js';
import { type ContainerLike, containersOf } from '../src/wire/pod-shape.js';
import { workloadOf } from '../src/wire/pod-workload.js';
import { parseQuantity, wholeOf } from '../src/wire/quantity.js';
import type { Asking } from './handover.js';
import type { ContainerName } from './slot.js';

export interface PodView {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  /** Succeeded or Failed. */
  readonly isOver: boolean;
  /** The letter kerf.dev/placement as it stands; null when the pod was placed by nobody. */
  readonly placement: string | null;
  /** All containers in the kubelet's order. */
  readonly containers: readonly ContainerName[];
  /** Those the kubelet allocates slots for, in its order. */
  readonly asking: readonly Asking[];
  /** Runtime's id per running container, without its scheme. */
  readonly running: ReadonlyMap<string, string>;
  /** Who made it; empty: nobody. */
  readonly workload: string;
  /** Per container that has run and runs no more, how it ended: `exit 1, CrashLoopBackOff`. */
  readonly ended: ReadonlyMap<string, string>;
}

/** Total: a field that is not there reads as empty. */
export function projectPod(raw: unknown, resource: string): PodView {
  const { metadata, spec, status } = partsOf(raw);
  const places = containersOf({
    containers: namedRows(spec.containers),
    initContainers: namedRows(spec.initContainers),
  });
  const annotations = isRecord(metadata.annotations) ? metadata.annotations : {};
  const placement = annotations[PLACEMENT];
  return {
    uid: textOf(metadata.uid),
    namespace: textOf(metadata.namespace),
    name: textOf(metadata.name),
    node: textOf(spec.nodeName),
    isOver: status.phase === 'Succeeded' || status.phase === 'Failed',
    placement: typeof placement === 'string' ? placement : null,
    containers: places.map(({ container, kind }) => ({ name: container.name, kind })),
    asking: places.flatMap(({ container, kind }) => askingOf(container, kind, resource)),
    running: runningOf(status),
    workload: workloadOf(metadata),
    ended: endedOf(status),
  };
}

function askingOf(container: ContainerLike, kind: ContainerKind, resource: string): readonly Asking[] {
  const amount = parseQuantity(String(container.resources?.limits?.[resource] ?? '0'));
  const count = amount === null ? null : wholeOf(amount);
  return count === null || count <= 0 ? [] : [{ name: container.name, kind, count }];
}

function partsOf(raw: unknown): Record<'metadata' | 'spec' | 'status', Record<string, unknown>> {
  const pod = isRecord(raw) ? raw : {};
  const part = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
  return { metadata: part(pod.metadata), spec: part(pod.spec), status: part(pod.status) };
}

function runningOf(status: Record<string, unknown>): ReadonlyMap<string, string> {
  const running = new Map<string, string>();
  for (const row of [...rowsOf(status.initContainerStatuses), ...rowsOf(status.containerStatuses)]) {
    const isRunning = isRecord(row.state) && isRecord(row.state.running);
    if (isRunning && typeof row.name === 'string' && typeof row.containerID === 'string')
      running.set(row.name, row.containerID.replace(/^[^:]*:\/\//, ''));
  }
  return running;
}

function endedOf(status: Record<string, unknown>): ReadonlyMap<string, string> {
  const ended = new Map<string, string>();
  for (const row of [...rowsOf(status.initContainerStatuses), ...rowsOf(status.containerStatuses)]) {
    const how = howItEnded(row);
    if (how !== '' && typeof row.name === 'string') ended.set(row.name, how);
  }
  return ended;
}

/** Empty while it runs, and where it has never run. */
function howItEnded({ state, lastState }: Record<string, unknown>): string {
  if (!isRecord(state) || isRecord(state.running)) return '';
  const past = [state, lastState].filter(isRecord).map(({ terminated }) => terminated);
  const end = past.find(isRecord);
  if (end === undefined) return '';
  const reason = isRecord(state.waiting) ? textOf(state.waiting.reason) : textOf(end.reason);
  const code = typeof end.exitCode === 'number' ? `exit ${end.exitCode}` : '';
  return [code, reason].filter((part) => part !== '').join(', ');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const rowsOf = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isRecord) : [];
const namedRows = (value: unknown): readonly ContainerLike[] =>
  rowsOf(value).filter((row) => typeof row.name === 'string') as unknown as readonly ContainerLike[];
