// SPDX-License-Identifier: Apache-2.0
// What the watch tells packing of the demand: each pod once when it is first seen, and once more when it leaves.
// A pod that asks for no device counts where it takes CPU beside devices: elsewhere it is nobody's neighbour.
import type { Bystander } from '../core/bystanders.js';
import type { Ledger } from '../core/ledger.js';
import { type Asked, askedOf, cpuOnly } from '../core/packing/asked.js';
import type { LivePacking } from '../core/packing/live.js';
import type { PodView } from '../wire/pod-view.js';
import type { PodMirror } from './pod-mirror.js';

export interface LearnOptions {
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  /** Absent: nobody learns. */
  readonly packing?: LivePacking;
}

/** Before the pod is put anywhere. */
export function learnOfArrival({ ledger, pods, packing }: LearnOptions, pod: PodView): void {
  if (packing === undefined || pod.isOver) return;
  if (pod.asksForDevices) {
    if (pods.get(pod.uid) === undefined && pod.request.ok)
      packing.arrive(askedOf(pod.request.value, pod.cpuMilli));
    return;
  }
  const { nodeName: node, cpuMilli, isOfNode } = pod;
  const isNew = node !== '' && ledger.bystander(pod.uid) === undefined;
  if (isNew && isBesideDevices(ledger, { node, cpuMilli, isOfNode })) packing.arrive(cpuOnly(cpuMilli));
}

/** Before the pod is released. */
export function learnOfDeparture({ ledger, packing }: LearnOptions, uid: string): void {
  if (packing === undefined) return;
  const bystander = ledger.bystander(uid);
  const isBeside = bystander !== undefined && isBesideDevices(ledger, bystander);
  if (isBeside || ledger.holding(uid) !== undefined) packing.depart();
}

/** What was there when the watches had listed everything. */
export function learnOfAll({ ledger, pods, packing }: LearnOptions): void {
  packing?.begin(allAsked(ledger, pods));
}

function* allAsked(ledger: Ledger, pods: PodMirror): Iterable<Asked> {
  for (const { request, isOver, asksForDevices, cpuMilli } of pods.all())
    if (request.ok && asksForDevices && !isOver) yield askedOf(request.value, cpuMilli);
  for (const [, bystander] of ledger.allBystanders())
    if (isBesideDevices(ledger, bystander)) yield cpuOnly(bystander.cpuMilli);
}

function isBesideDevices(ledger: Ledger, { node, cpuMilli, isOfNode }: Bystander): boolean {
  return cpuMilli > 0 && !isOfNode && (ledger.node(node)?.vendors.size ?? 0) > 0;
}
