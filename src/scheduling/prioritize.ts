// SPDX-License-Identifier: Apache-2.0
// Room 3: how much does the policy like each of these nodes with the pod on it? Only reads.
import { preparePod } from '../core/prepared.js';
import type { PodRequest } from '../core/request.js';
import { likeNode } from '../core/score.js';
import { score } from '../core/units.js';
import type { HostScore } from '../wire/extender.js';
import type { Scene } from './filter.js';

/**
 * The best of these nodes 10, the worst 0: what counts is which is liked better, and raw likes of a large cluster
 * differ in the second decimal, which whole scores would swallow (kube-scheduler's own plugins normalise likewise).
 * Nodes liked alike are all 10: the choice is then kube-scheduler's. A node that is gone meanwhile is liked least.
 */
export function prioritize(
  request: PodRequest,
  names: readonly string[],
  scene: Scene,
): readonly HostScore[] {
  const prepared = preparePod(request, scene.defaults);
  const likes = names.map((name) => {
    const node = scene.snapshot.node(name);
    return node === undefined ? null : likeNode(prepared, node);
  });
  const known = likes.filter((like) => like !== null);
  const range = { most: Math.max(...known), least: known.length < names.length ? 0 : Math.min(...known) };
  return names.map((node, at) => ({ node, score: score(scaled(likes[at] ?? null, range)) }));
}

/** Less than this apart is alike: rounding of sums, not a preference. */
const ALIKE = 1e-9;

function scaled(like: number | null, range: { readonly most: number; readonly least: number }): number {
  if (like === null) return 0;
  const width = range.most - range.least;
  return width < ALIKE ? 10 : (10 * (like - range.least)) / width;
}
