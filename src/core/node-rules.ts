// SPDX-License-Identifier: Apache-2.0
// What the policy document says of running pods, for the programs on their node. Field by field the first row that
// matches and says it; where none does, the mildest.
import { matchesPattern } from './pattern.js';
import type { NodeRule, PolicyDocument } from './policy-document.js';

/** What holds for the pods of a namespace. */
export interface NodeRuling {
  /** Towards a pod that was found past its slices. */
  readonly onEscape: 'report' | 'throttle' | 'kill';
  /** hard: never above the share; soft: what is idle may be used. */
  readonly compute: 'hard' | 'soft';
  /** What neighbours leave idle of their memory may be lent. */
  readonly lendMemory: boolean;
}

export const MILDEST: NodeRuling = { onEscape: 'report', compute: 'hard', lendMemory: false };

/** Answers `rulingFor` a namespace. */
export function nodeRulingsOf({ node = [] }: PolicyDocument): (namespace: string) => NodeRuling {
  const known = new Map<string, NodeRuling>();
  return (namespace) => {
    const held = known.get(namespace) ?? rulingOf(node, namespace);
    known.set(namespace, held);
    return held;
  };
}

function rulingOf(rows: readonly NodeRule[], namespace: string): NodeRuling {
  const own = rows.filter(
    ({ match }) => match?.namespaces.some((pattern) => matchesPattern(pattern, namespace)) ?? true,
  );
  // Earlier rows are laid over later ones.
  const said = own.reduceRight<NodeRuling>((below, row) => ({ ...below, ...row }), MILDEST);
  return { onEscape: said.onEscape, compute: said.compute, lendMemory: said.lendMemory };
}
