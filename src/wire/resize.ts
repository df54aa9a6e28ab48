// SPDX-License-Identifier: Apache-2.0
// Letter: a resize that a tenant asks for, as the annotation kerf.dev/resize of a running pod, in the words in which
// pods ask: the resources of containers. What is not named stays as it is. `id` tells one request from an equal one.
//
//   {"v":1,"id":"3f2a","containers":[{"name":"a","resources":{"limits":{"nvidia.com/gpu-mem":"8Gi","nvidia.com/gpu-cores":"40"}}}]}
//
// kerf.dev/resized is the scheduler's echo of the request it answered last, whatever the answer was (the condition
// kerf.dev/Resized tells that).
import type { MemoryWish } from '../core/request.js';
import type { SliceChange } from '../core/resize.js';
import { err, ok, type Result } from '../core/result.js';
import { milliCores } from '../core/units.js';
import type { Vendor } from '../vendors/index.js';
import { isRecord, parseJson, shown } from './json.js';
import { RESIZE, RESIZED } from './names.js';
import { type Amount, readAmount } from './pod-resources.js';
import { annotationPath, type ContainerLike, sentenceOf } from './pod-shape.js';

export const RESIZE_VERSION = 1;
export const RESIZED_CONDITION = 'kerf.dev/Resized';

/** What a pod's annotations say of resizing. */
export interface ResizeSaid {
  /** The request as it stands, undecoded. */
  readonly asked: string;
  /** The scheduler has answered this very request. */
  readonly isAnswered: boolean;
}

const LONGEST_ECHO = 2048;

/** The request again; one too long to be one is cut, for the echo must fit beside it. */
export const echoOf = (asked: string): string =>
  asked.length <= LONGEST_ECHO ? asked : `${asked.slice(0, 64)}… (${asked.length} letters)`;

export function resizeSaid(annotations: Readonly<Record<string, unknown>>): ResizeSaid | null {
  const asked = annotations[RESIZE];
  if (typeof asked !== 'string' || asked === '') return null;
  return { asked, isAnswered: annotations[RESIZED] === echoOf(asked) };
}

export interface ResizeAsk {
  /** Anything that no earlier request of the pod had. */
  readonly id: string;
  readonly container: string;
  /** Amounts by resource name, as a pod's limits. */
  readonly limits: Readonly<Record<string, string>>;
}

export function encodeResize({ id, container, limits }: ResizeAsk): string {
  return JSON.stringify({ v: RESIZE_VERSION, id, containers: [{ name: container, resources: { limits } }] });
}

const WANT =
  'want {"v":1,"containers":[{"name":"<container>","resources":{"limits":{"<resource>":"<amount>"}}}]}';
const said = (problem: string): string => `${annotationPath(RESIZE)} ${problem}: ${WANT}`;

/** The error is one sentence that names field, value and what would be right. */
export function decodeResize(
  text: string,
  vendors: readonly Vendor[],
): Result<readonly SliceChange[], string> {
  if (text.length > LONGEST_ECHO)
    return err(said(`has ${text.length} letters, at most ${LONGEST_ECHO} are read`));
  const letter = parseJson(text);
  if (!isRecord(letter)) return err(said('is not a JSON object'));
  if (letter.v !== RESIZE_VERSION) return err(said(`has version ${shown(letter.v)}`));
  const { containers } = letter;
  if (!Array.isArray(containers) || containers.length === 0) return err(said('names no containers'));
  const changes: SliceChange[] = [];
  for (const [index, row] of (containers as unknown[]).entries()) {
    const read = readContainer(row, index, vendors);
    if (!read.ok) return read;
    changes.push(...read.value);
  }
  const names = changes.map(({ container, vendor }) => `${container} ${vendor}`);
  if (new Set(names).size < names.length) return err(said('names a container twice'));
  return ok(changes);
}

function readContainer(
  row: unknown,
  index: number,
  vendors: readonly Vendor[],
): Result<readonly SliceChange[], string> {
  if (!isContainer(row)) return err(said(`has no name or no limits in containers[${index}]`));
  const place = {
    container: row,
    kind: 'app' as const,
    path: `${annotationPath(RESIZE)}.containers[${index}]`,
  };
  const changes: SliceChange[] = [];
  for (const vendor of vendors) {
    const amount = readAmount(place, vendor);
    if (!amount.ok) return err(sentenceOf(amount.error));
    if (amount.value === null) continue;
    const change = changeOf(amount.value, row.name, vendor);
    if (!change.ok) return change;
    changes.push(change.value);
  }
  return changes.length > 0
    ? ok(changes)
    : err(said(`names no memory and no cores known here for container ${row.name}`));
}

function changeOf(amount: Amount, container: string, vendor: Vendor): Result<SliceChange, string> {
  const { count, priority, cores } = amount;
  const memory = memoryOf(amount);
  if (count !== null || priority !== null)
    return err(
      said(`would change the count or the priority of container ${container}: only amounts can change`),
    );
  if (memory === 'none') return err(said(`leaves container ${container} no memory: want more than nothing`));
  return ok({
    container,
    vendor: vendor.name,
    memory,
    cores: cores === null ? null : milliCores(cores * 10),
  });
}

/** Fixed memory wins over a percentage, as in a pod's resources. */
function memoryOf({ memory, percentage }: Amount): MemoryWish | null | 'none' {
  if (memory !== null) return memory > 0 ? { kind: 'fixed', memory } : 'none';
  if (percentage === null) return null;
  return percentage > 0 ? { kind: 'share', permille: percentage * 10 } : 'none';
}

function isContainer(row: unknown): row is ContainerLike {
  if (!isRecord(row) || typeof row.name !== 'string' || !isRecord(row.resources)) return false;
  return isRecord(row.resources.limits);
}
