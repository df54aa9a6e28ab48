// SPDX-License-Identifier: Apache-2.0
// On what grounds does a node refuse a pod? A short text without a record per device: of each kind of misfit how many
// devices have it, and what there is of the one that comes closest. Sentences are made of nothing else.
import { Misfits } from './misfits.js';
import { kindOf } from './node-kind.js';
import type { NodeView } from './node.js';
import { namesIds, type PreparedPod } from './prepared.js';
import type { NodeRefusal } from './refusal.js';
import { isClosed, refuseNode } from './refuse.js';

const EVERYWHERE = '';

export class Grounds {
  /** Of the node looked at last. */
  text = '';
  /** Where this text means the same: EVERYWHERE, on nodes of its kind, or on itself alone. */
  scope = EVERYWHERE;
  private readonly misfits = new Misfits();
  /** Ids are told apart within a kind of node. */
  private readonly namesIds: boolean;

  constructor(private readonly pod: PreparedPod) {
    this.namesIds = namesIds(pod.request);
  }

  /** At a node that canPlace has refused. */
  lookAt(node: NodeView): void {
    if (isClosed(this.pod, node)) this.sayClosed(node);
    else this.sayMisfits(node);
  }

  private sayClosed(node: NodeView): void {
    const refusal = refuseNode(this.pod.request, node) as NodeRefusal;
    const isSlots = refusal.kind === 'SlotsShort';
    this.text = isSlots ? `${refusal.kind} ${refusal.free} ${refusal.have >= refusal.want}` : refusal.kind;
    this.scope = isSlots ? this.kindOf(node) : EVERYWHERE;
  }

  private sayMisfits(node: NodeView): void {
    const want = this.look(node);
    const isTold = want !== null && this.misfits.fitting < want;
    this.text = isTold ? this.misfits.text() : '';
    // Where misfits alone do not tell why, the node is looked at by itself.
    if (!isTold) this.scope = node.name;
    else this.scope = this.pod.only === null ? this.kindOf(node) : EVERYWHERE;
  }

  /** Devices of the wish that stopped it. */
  private look(node: NodeView): number | null {
    const { only, trials, request } = this.pod;
    if (request.numa === 'required') return null;
    this.misfits.clear();
    if (only === null) return trials[0]?.tellStop(node, this.misfits) ?? null;
    for (const state of node.vendors.get(only.slice.vendor)?.devices ?? [])
      this.misfits.see(state, state.hold, only);
    return only.slice.count;
  }

  private kindOf({ name, facts }: NodeView): string {
    return this.namesIds ? name : kindOf(facts);
  }
}
