// SPDX-License-Identifier: Apache-2.0
// Room 4: place again under the ledger, then one write that carries node and slices together.
//
//   place ──▶ ledger.assume ──▶ POST binding ──▶ (the watch confirms)
//    │ no          refused: ledger.forget · no answer: stays assumed until the watch or time tells
//    └──▶ sentence
//
// Filter's answer was advice: kube-scheduler binds while it filters the next pod. Between place and assume
// nothing waits, so two binds never take the same room.
import { physicalMemory } from '../core/device.js';
import type { Ledger } from '../core/ledger.js';
import type { NodeView } from '../core/node.js';
import { isInitOnly } from '../core/phases.js';
import { place } from '../core/place.js';
import type { Placement } from '../core/placement.js';
import type { PlacingRules } from '../core/policies.js';
import type { NodeRefusal } from '../core/refusal.js';
import { textOf } from '../core/refusals.js';
import type { PodRequest } from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';
import { withSharing } from '../core/sharing.js';
import { type MiB, NO_MEMORY } from '../core/units.js';
import type { BindAsk } from '../wire/extender.js';
import { decodePlacement, encodePlacement } from '../wire/placement.js';
import type { PodView } from '../wire/pod-view.js';
import type { PodMirror } from './pod-mirror.js';
import type { BindingOutcome, Bindings, PodReader } from './ports.js';

export interface BindOptions {
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  readonly reader: PodReader;
  readonly bindings: Bindings;
  readonly rulesFor: (pod: PodView) => PlacingRules;
  /** Whether pods of a namespace that say nothing may borrow compute; absent: none may. */
  readonly computeFor?: (namespace: string) => 'hard' | 'soft';
  /** How long an assumption stands without confirmation. */
  readonly assumeMs: number;
  readonly now: () => number;
}

export interface BindAnswer {
  /** Empty: bound. Else why not. */
  readonly sentence: string;
  readonly refusal?: NodeRefusal;
  readonly placement?: Placement;
}

const BOUND: BindAnswer = { sentence: '' };
const no = (sentence: string): BindAnswer => ({ sentence });

/** Answers `bind`: asked twice at once for the same pod and node, it writes once. */
export function createBind(options: BindOptions): (ask: BindAsk) => Promise<BindAnswer> {
  const inFlight = new Map<string, { readonly node: string; readonly answer: Promise<BindAnswer> }>();
  return (ask) => {
    const running = inFlight.get(ask.uid);
    if (running !== undefined)
      return running.node === ask.node
        ? running.answer
        : Promise.resolve(no(`the pod is being bound to node ${running.node} already`));
    const answer = bindPod(options, ask).finally(() => inFlight.delete(ask.uid));
    inFlight.set(ask.uid, { node: ask.node, answer });
    return answer;
  };
}

async function bindPod(options: BindOptions, ask: BindAsk): Promise<BindAnswer> {
  const found = await findPod(options, ask);
  if (!found.ok) return no(found.error);
  const pod = found.value;
  if (pod.nodeName !== '') return alreadyBound(pod, ask);
  if (!pod.request.ok) return no(pod.request.error);
  if (!pod.asksForDevices) return write(options, { ask, placement: null, isAgain: false });
  const isAgain = options.ledger.holding(ask.uid)?.node === ask.node;
  const placed = assumePlacement(options, ask, { pod, request: pod.request.value });
  if (!placed.ok) return { sentence: textOf(placed.error), refusal: placed.error };
  return write(options, { ask, placement: placed.value, isAgain });
}

/**
 * From the watch; from the API server where the watch is behind kube-scheduler's, or where a write to another node
 * was never answered: its room is given back only when that write is known not to have been done.
 */
async function findPod(
  { pods, reader, ledger }: BindOptions,
  ask: BindAsk,
): Promise<Result<PodView, string>> {
  const known = pods.get(ask.uid);
  const earlier = ledger.holding(ask.uid);
  const isElsewhere = earlier !== undefined && earlier.node !== ask.node;
  if (known !== undefined && !isElsewhere) return ok(known);
  try {
    const read = await reader.readPod(ask.namespace, ask.name);
    if (read === null || read.uid !== ask.uid) return err('the pod is gone');
    return ok(read);
  } catch (fault) {
    return err(`the pod cannot be read: ${messageOf(fault)}`);
  }
}

function alreadyBound(pod: PodView, ask: BindAsk): BindAnswer {
  return pod.nodeName === ask.node ? BOUND : no(`the pod is bound to node ${pod.nodeName} already`);
}

interface Wanted {
  readonly pod: PodView;
  readonly request: PodRequest;
}

/** Chooses slices and takes them, without waiting in between. */
function assumePlacement(
  options: BindOptions,
  ask: BindAsk,
  { pod, request }: Wanted,
): Result<Placement, NodeRefusal> {
  const placed = earlierPlacement(options, ask) ?? placeAnew(options, ask, { pod, request });
  if (placed.ok) assume(options, { pod, node: ask.node, placement: placed.value });
  return placed;
}

/** What an earlier try took on this node is written again as it was, and its time begins anew. */
function earlierPlacement({ ledger }: BindOptions, ask: BindAsk): Result<Placement, NodeRefusal> | null {
  const earlier = ledger.holding(ask.uid);
  return earlier?.node === ask.node && earlier.claim.kind === 'placed' ? ok(earlier.claim.placement) : null;
}

/** What an earlier try took elsewhere is given back. */
function placeAnew(
  { ledger, rulesFor, computeFor }: BindOptions,
  ask: BindAsk,
  { pod, request }: Wanted,
): Result<Placement, NodeRefusal> {
  ledger.forget(ask.uid);
  const node = ledger.node(ask.node);
  if (node === undefined) return err({ kind: 'UnknownNode' });
  const placed = place(request, node, rulesFor(pod));
  if (!placed.ok) return placed;
  const compute = request.sharing?.compute ?? computeFor?.(pod.namespace) ?? 'hard';
  return ok(withSharing(placed.value, { ...request.sharing, compute }, memoryOn(node)));
}

function memoryOn(node: NodeView): (deviceId: string) => MiB {
  const { devices } = node.facts;
  return (deviceId) => {
    const device = devices.find(({ id }) => id === deviceId);
    return device === undefined ? NO_MEMORY : physicalMemory(device);
  };
}

interface Given {
  readonly pod: PodView;
  readonly node: string;
  readonly placement: Placement;
}

function assume({ ledger, now, assumeMs }: BindOptions, { pod, node, placement }: Given): void {
  ledger.assume({
    uid: pod.uid,
    pod: `${pod.namespace}/${pod.name}`,
    node,
    containers: pod.containers,
    slots: pod.slots,
    cpuMilli: pod.cpuMilli,
    isInitOnly: pod.request.ok && isInitOnly(pod.request.value),
    placement,
    until: now() + assumeMs,
  });
}

interface Attempt {
  readonly ask: BindAsk;
  readonly placement: Placement | null;
  /** An earlier write of the same may have been done. */
  readonly isAgain: boolean;
}

async function write(options: BindOptions, attempt: Attempt): Promise<BindAnswer> {
  const { ask, placement } = attempt;
  const letter = placement === null ? null : encodePlacement(placement);
  const outcome = await options.bindings.write({ ...ask, placement: letter });
  if (outcome.kind === 'written') return placement === null ? BOUND : { sentence: '', placement };
  return settle(options, outcome, { ...attempt, letter });
}

type NotWritten = Exclude<BindingOutcome, { kind: 'written' }>;

/** The write was refused, or nobody answered: the pod itself tells what is true. */
async function settle(
  options: BindOptions,
  outcome: NotWritten,
  { ask, letter, isAgain }: Attempt & { readonly letter: string | null },
): Promise<BindAnswer> {
  const { ledger, reader } = options;
  // A no to this write says nothing about the one before it.
  if (outcome.kind === 'refused' && !outcome.isConflict && !isAgain) {
    ledger.forget(ask.uid);
    return no(outcome.sentence);
  }
  const pod = await reader.readPod(ask.namespace, ask.name).catch(() => undefined);
  const isOurs = pod?.uid === ask.uid && pod.nodeName === ask.node && pod.placement === letter;
  if (isOurs) return BOUND;
  // Without an answer to either question the write may still land: the assumption stands until the watch
  // or time tells.
  if (outcome.kind === 'refused' && pod !== undefined) giveBack(options, ask.uid, pod);
  return no(outcome.sentence);
}

/** Where an earlier write was done after all, its room is taken until the watch shows it: no other pod gets it. */
function giveBack(options: BindOptions, uid: string, pod: PodView | null): void {
  options.ledger.forget(uid);
  if (pod?.uid !== uid || pod.nodeName === '' || pod.placement === null || pod.isOver) return;
  const placement = decodePlacement(pod.placement);
  if (placement.ok) assume(options, { pod, node: pod.nodeName, placement: placement.value });
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
