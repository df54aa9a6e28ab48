// SPDX-License-Identifier: Apache-2.0
// Whose slot is it? Pure: what the kubelet shows and what was allocated, in; which slot each container has, out.
//
// The kubelet admits pods one at a time and allocates in order: init list (sidecars among it), then apps. An
// init container lends its ids to what comes after it, and PodResources shows apps and sidecars only. So a shown
// container's slot is the last one given for exactly its ids; the init containers' slots are the last ones whose
// ids touch the pod's, for since the pod's first Allocate nobody else could be given those ids.
import type { ContainerKind } from '../src/core/request.js';
import { err, ok, type Result } from '../src/core/result.js';
import { type Slot, sameIds, sortedIds } from './slot.js';

/** A container that asks the kubelet for our resource. */
export interface Asking {
  readonly name: string;
  readonly kind: ContainerKind;
  readonly count: number;
}

/** Ids of our resource per container, as PodResources lists them. */
export interface ShownPod {
  readonly namespace: string;
  readonly name: string;
  readonly ids: ReadonlyMap<string, readonly string[]>;
}

/** Pods that hold one of the ids; more than one only while the kubelet still lists a finished pod. */
export function podsShowing(ids: readonly string[], shown: readonly ShownPod[]): readonly ShownPod[] {
  return shown.filter((pod) => [...pod.ids.values()].some((held) => touches(held, new Set(ids))));
}

/** PodResources never lists such a pod: only init containers that end ask for ids. */
export const isInitOnly = (asking: readonly Asking[]): boolean =>
  asking.length > 0 && asking.every(({ kind }) => kind === 'init');

export interface HandoverQuestion {
  /** All slots known, oldest first. */
  readonly slots: readonly Slot[];
  readonly podUid: string;
  /** Asking containers in the kubelet's order. */
  readonly asking: readonly Asking[];
  /** null for a pod that PodResources does not list. */
  readonly shown: ShownPod | null;
  /** The ids PreStart was called with. */
  readonly called: readonly string[];
}

export type Handover = ReadonlyMap<string, Slot>;

/** The slot of each asking container; an error is one sentence, and the kubelet asks again later. */
export function handover(question: HandoverQuestion): Result<Handover, string> {
  const free = question.slots.filter(({ owner }) => owner === null || owner.podUid === question.podUid);
  const visible = matchShown(question, free);
  if (!visible.ok) return visible;
  const lent = matchHidden(question, free, visible.value);
  if (!lent.ok) return lent;
  const all = new Map([...visible.value, ...lent.value]);
  const miscounted = question.asking.find(({ name, count }) => all.get(name)?.ids.length !== count);
  if (miscounted === undefined) return ok(all);
  const have = all.get(miscounted.name)?.ids.length ?? 0;
  return err(`container ${miscounted.name} asks for ${miscounted.count} slots and the kubelet gave ${have}`);
}

function matchShown(question: HandoverQuestion, free: readonly Slot[]): Result<Map<string, Slot>, string> {
  const matched = new Map<string, Slot>();
  for (const { name } of question.asking) {
    const ids = question.shown?.ids.get(name);
    if (ids === undefined) continue;
    const wanted = sortedIds(ids);
    const slot = free.findLast((candidate) => sameIds(candidate.ids, wanted) && !isTaken(matched, candidate));
    if (slot === undefined)
      return err(`no slot of this node was given for ${wanted.join(', ')} of container ${name}`);
    matched.set(name, slot);
  }
  return ok(matched);
}

/** For the containers not shown: the last slots that touch the pod's ids, in order of allocation. */
function matchHidden(
  { asking, called }: HandoverQuestion,
  free: readonly Slot[],
  visible: Handover,
): Result<Map<string, Slot>, string> {
  const hidden = asking.filter(({ name }) => !visible.has(name));
  const taken = new Set(visible.values());
  const ids = new Set([...called, ...[...taken].flatMap((slot) => slot.ids)]);
  const picked: Slot[] = [];
  while (picked.length < hidden.length) {
    const next = free.findLast((slot) => !taken.has(slot) && touches(slot.ids, ids));
    if (next === undefined)
      return err(
        `${hidden.length} init containers ask for slots and only ${picked.length} can be told from the ids`,
      );
    picked.push(next);
    taken.add(next);
    for (const id of next.ids) ids.add(id);
  }
  picked.sort((a, b) => a.seq - b.seq);
  return ok(new Map(hidden.map(({ name }, at) => [name, picked[at] as Slot])));
}

function isTaken(matched: ReadonlyMap<string, Slot>, slot: Slot): boolean {
  return [...matched.values()].includes(slot);
}

function touches(ids: readonly string[], others: ReadonlySet<string>): boolean {
  return ids.some((id) => others.has(id));
}
