// SPDX-License-Identifier: Apache-2.0
// Asks for a resize of a running pod's container and waits for the scheduler's answer.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { KubeFault } from '../../adapters/kubernetes/fault.js';
import { VENDORS, type Vendor } from '../../vendors/index.js';
import { isRecord, parseJson } from '../../wire/json.js';
import { PLACEMENT, RESIZE } from '../../wire/names.js';
import { decodePlacement } from '../../wire/placement.js';
import { type PodLike, readPodRequest } from '../../wire/pod.js';
import { encodeResize, RESIZED_CONDITION, resizeSaid } from '../../wire/resize.js';
import { type Io, Misused, Refused } from './io.js';
import { type Kube, type KubeOptions, openKube } from './kube.js';
import { type AmountFlags, readCores, readMemory } from './run-options.js';

export interface PodFlags extends AmountFlags {
  readonly container?: string;
  readonly wait: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

type FoundPod = PodLike & {
  readonly metadata: {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
};

/** One pod of the cluster. */
interface Place {
  readonly kube: Kube;
  readonly path: string;
  /** namespace/name, for people. */
  readonly name: string;
}

const POLL_MS = 100;

export async function resizePod(pod: string, flags: PodFlags & KubeOptions, io: Io): Promise<void> {
  const kube = openKube(flags);
  const path = `/api/v1/namespaces/${encodeURIComponent(kube.namespace)}/pods/${encodeURIComponent(pod)}`;
  const place = { kube, path, name: `${kube.namespace}/${pod}` };
  const found = await read(place);
  const container = containerOf(found, flags, place);
  const limits = limitsOf(flags, vendorsOf(found, container));
  const asked = encodeResize({ id: randomBytes(4).toString('hex'), container, limits });
  await ask(place, found, asked);
  if (!flags.wait)
    return io.out(`${place.name}: asked, the answer will stand in its condition ${RESIZED_CONDITION}`);
  const answer = await answerTo(place, asked, { seconds: flags.timeout, stop: io.stop });
  tell(place, answer, { io, isJson: flags.json === true });
}

async function read({ kube, path, name }: Place): Promise<FoundPod> {
  try {
    return parseJson(await kube.client.send({ method: 'GET', path })) as FoundPod;
  } catch (fault) {
    if (fault instanceof KubeFault && fault.status === 404)
      throw new KubeFault({ status: 404, code: fault.code, message: `there is no pod ${name}` }, fault);
    throw fault;
  }
}

/** The one named, or the only one that has a slice. */
function containerOf(pod: FoundPod, flags: PodFlags, { name }: Place): string {
  if (['Succeeded', 'Failed'].includes(pod.status?.phase ?? '')) throw new Refused(`pod ${name} has ended`);
  const names = holdersIn(pod, name);
  const chosen = flags.container ?? (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined) throw new Misused(`--container is missing: want one of ${names.join(', ')}`);
  if (names.includes(chosen)) return chosen;
  throw new Refused(`container ${chosen} of pod ${name} holds no slice: want one of ${names.join(', ')}`);
}

function holdersIn(pod: FoundPod, name: string): readonly string[] {
  const letter = decodePlacement(pod.metadata.annotations?.[PLACEMENT] ?? '');
  if (!letter.ok) throw new Refused(`pod ${name} holds no slice given by Kerf`);
  return letter.value.containers.map((container) => container.name);
}

/** Whose devices the container asks for; resources of other names than these are asked by the annotation itself. */
function vendorsOf(pod: FoundPod, container: string): readonly Vendor[] {
  const request = readPodRequest(pod, VENDORS);
  const slices = request.ok ? request.value.containers.find(({ name }) => name === container)?.slices : [];
  const vendors = VENDORS.filter(({ name }) => slices?.some(({ vendor }) => vendor === name));
  if (vendors.length > 0) return vendors;
  throw new Refused(
    `container ${container} asks by resource names that this command does not know: write the annotation ${RESIZE} yourself (docs/resize.md)`,
  );
}

function limitsOf(flags: AmountFlags, vendors: readonly Vendor[]): Readonly<Record<string, string>> {
  const memory = readMemory('--gpu-mem', flags.gpuMem);
  const cores = readCores(flags.gpuCores);
  const rows = vendors.flatMap(({ resources, memoryUnitMiB }): [string | undefined, string][] => [
    ...(memory !== null && 'memory' in memory
      ? ([[resources.memory[0], amountText(memory.memory, memoryUnitMiB)]] as [string | undefined, string][])
      : []),
    ...(memory !== null && 'permille' in memory
      ? ([[resources.memoryPercentage[0], String(memory.permille / 10)]] as [string | undefined, string][])
      : []),
    ...(cores === null ? [] : ([[resources.cores[0], String(cores / 10)]] as [string | undefined, string][])),
  ]);
  return Object.fromEntries(rows.filter((row): row is [string, string] => row[0] !== undefined));
}

/** A plain number counts in the vendor's unit, a quantity in bytes. */
const amountText = (memory: number, unitMiB: number): string =>
  unitMiB === 1 ? String(memory) : `${memory}Mi`;

async function ask({ kube, path }: Place, { metadata }: FoundPod, asked: string): Promise<void> {
  const body = JSON.stringify({ metadata: { uid: metadata.uid, annotations: { [RESIZE]: asked } } });
  await kube.client.send({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' });
}

interface Patience {
  readonly seconds: number;
  readonly stop: AbortSignal;
}

async function answerTo(place: Place, asked: string, { seconds, stop }: Patience): Promise<FoundPod> {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline && !stop.aborted) {
    const pod = await read(place);
    const said = resizeSaid(pod.metadata.annotations ?? {});
    if (said?.asked !== asked)
      throw new Refused(`another request to resize ${place.name} came after this one`);
    if (said.isAnswered) return pod;
    await pause(POLL_MS, undefined, { signal: stop }).catch(() => undefined);
  }
  throw new Error(
    `the scheduler has not answered within ${seconds} s: is its leader running? The request stands in ${RESIZE} of ${place.name}`,
  );
}

const UNTOLD: Required<Condition> = {
  type: RESIZED_CONDITION,
  status: 'Unknown',
  reason: '',
  message: 'the scheduler has answered, and its condition is gone',
};

function tell(
  place: Place,
  pod: FoundPod,
  { io, isJson }: { readonly io: Io; readonly isJson: boolean },
): void {
  const told = pod.status?.conditions?.find(({ type }) => type === RESIZED_CONDITION);
  const { status, reason, message } = { ...UNTOLD, ...told };
  if (isJson)
    io.out(JSON.stringify({ pod: place.name, resized: status === 'True', reason, message, ...given(pod) }));
  if (status !== 'True') throw new Refused(message);
  if (!isJson) io.out(`${place.name}: ${message}`);
}

/** The containers of the placement as it stands. */
function given({ metadata }: FoundPod): { readonly containers: unknown } {
  const placement = parseJson(metadata.annotations?.[PLACEMENT] ?? '');
  return { containers: isRecord(placement) ? placement.containers : [] };
}
