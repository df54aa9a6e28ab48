// SPDX-License-Identifier: Apache-2.0
// Which policy document is in force: the last good one that the watch showed. A bad edit changes nothing but is told.
import {
  NO_POLICY,
  type PolicyDocument,
  type RuledPod,
  rulingsOf,
  type Ruling,
} from '../core/policy-document.js';
import { type NodeRuling, nodeRulingsOf } from '../core/node-rules.js';
import type { PlacingRules } from '../core/policies.js';
import type { Result } from '../core/result.js';
import type { Snapshot } from '../core/snapshot.js';
import type { RuledBy } from '../wire/decisions.js';
import type { PodView } from '../wire/pod-view.js';
import type { Scene } from './filter.js';

/** All that questions are asked of; which rules hold is asked pod by pod. */
export interface Stage {
  readonly snapshot: Snapshot;
  readonly rulingFor: (pod: RuledPod) => Ruling;
}

export const sceneFor = (stage: Stage, pod: RuledPod): Scene => ({
  snapshot: stage.snapshot,
  defaults: stage.rulingFor(pod).rules,
});

/** Who says how the pod's node and devices are chosen: the pod itself before all rules. null: it asks nothing readable. */
export function ruledBy(pod: PodView, stage: Pick<Stage, 'rulingFor'>): RuledBy | null {
  const { request } = pod;
  if (!request.ok) return null;
  const { node, device } = stage.rulingFor(pod);
  const { nodePolicy, devicePolicy } = request.value;
  return { node: nodePolicy === null ? node : 'pod', device: devicePolicy === null ? device : 'pod' };
}

/** What the watch shows: the document, or all that is wrong with it, a sentence each; null where there is none. */
export type PolicyEdit = Result<PolicyDocument, readonly string[]> | null;

export interface PolicyNews {
  /** PolicyGone: the ConfigMap is gone, and what the program was started with holds. */
  readonly kind: 'PolicyApplied' | 'PolicyRefused' | 'PolicyGone';
  readonly sentence: string;
}

export class PolicyInForce {
  document: PolicyDocument = NO_POLICY;
  /** What the watch shows was refused, and an earlier document holds. */
  isRefused = false;
  private rulings: (pod: RuledPod) => Ruling;
  private nodeRulings = nodeRulingsOf(NO_POLICY);
  private refusal = '';

  constructor(private readonly base: PlacingRules) {
    this.rulings = rulingsOf(NO_POLICY, base);
  }

  /** What a letter needs to tell the same rulings again. */
  get source(): { readonly defaults: PlacingRules; readonly policy: PolicyDocument } {
    return { defaults: this.base, policy: this.document };
  }

  rulingFor(pod: RuledPod): Ruling {
    return this.rulings(pod);
  }

  /** What holds for the pods of a namespace once they run. */
  nodeRulingFor(namespace: string): NodeRuling {
    return this.nodeRulings(namespace);
  }

  /** Answers what people must hear of; null where nothing is new. */
  see(edit: PolicyEdit): PolicyNews | null {
    if (edit?.ok === false) return this.refuse(edit.error);
    const before = { document: this.document, isRefused: this.isRefused };
    this.document = edit === null ? NO_POLICY : edit.value;
    this.isRefused = false;
    this.refusal = '';
    const isSame = JSON.stringify(before.document) === JSON.stringify(this.document);
    if (isSame && !before.isRefused) return null;
    if (!isSame) {
      this.rulings = rulingsOf(this.document, this.base);
      this.nodeRulings = nodeRulingsOf(this.document);
    }
    if (edit === null)
      return { kind: 'PolicyGone', sentence: 'there is no policy document: the defaults hold' };
    return {
      kind: 'PolicyApplied',
      sentence: `in force for every pod placed from now on: ${contentsOf(edit.value)}`,
    };
  }

  private refuse(complaints: readonly string[]): PolicyNews | null {
    const sentence = complaints.join('; ');
    const isOld = this.isRefused && this.refusal === sentence;
    this.isRefused = true;
    this.refusal = sentence;
    return isOld
      ? null
      : { kind: 'PolicyRefused', sentence: `what was in force stays in force: ${sentence}` };
  }
}

function contentsOf({ rules = [], overcommit = [], node = [] }: PolicyDocument): string {
  const rulesText = `${rules.length} rule${rules.length === 1 ? '' : 's'}`;
  const nodeText = node.length === 0 ? '' : `, ${node.length} for running pods`;
  return `${rulesText}, ${overcommit.length} overcommit entr${overcommit.length === 1 ? 'y' : 'ies'}${nodeText}`;
}
