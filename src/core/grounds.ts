// SPDX-License-Identifier: Apache-2.0
// On what grounds does a node refuse a pod? A short text without a record per device: of each kind of misfit how many
// devices have it, and what there is of the one that comes closest. Sentences are made of nothing else.
import { Misfits } from './misfits.js';
import { kindOf } from './node-kind.js';
import type { NodeView } from './node.js';
import type { PreparedPod } from './prepared.js';
import type { NodeRefusal } from './refusal.js';
import { refuseNode } from './refuse.js';

export interface NodeGrounds {
  readonly text: string;
  /** Where these grounds mean the same: EVERYWHERE, on nodes of this kind, or on this node. */
  readonly scope: string;
}

const EVERYWHERE = '';

export class Grounds {
  private readonly misfits = new Misfits();
  /** Ids are told apart within a kind of node. */
  private readonly namesIds: boolean;

  constructor(private readonly pod: PreparedPod) {
    const { allowIds, denyIds } = pod.request.choice;
    this.namesIds = allowIds.length + denyIds.length > 0;
  }

  /** Of a node that canPlace has refused. */
  of(node: NodeView): NodeGrounds {
    const closed = refuseNode(this.pod.request, node);
    if (closed !== null) return { text: textOfClosed(closed), scope: this.scopeOfClosed(closed, node) };
    const want = this.look(node);
    // Misfits alone do not tell why: the node is looked at by itself.
    if (want === null || this.misfits.fitting >= want) return { text: '', scope: node.name };
    return { text: this.misfits.text(), scope: this.pod.only === null ? this.kindOf(node) : EVERYWHERE };
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

  private scopeOfClosed({ kind }: NodeRefusal, node: NodeView): string {
    return kind === 'SlotsShort' ? this.kindOf(node) : EVERYWHERE;
  }

  private kindOf({ name, facts }: NodeView): string {
    return this.namesIds ? name : kindOf(facts);
  }
}

function textOfClosed(refusal: NodeRefusal): string {
  if (refusal.kind !== 'SlotsShort') return refusal.kind;
  return `${refusal.kind} ${refusal.free} ${refusal.have >= refusal.want}`;
}
