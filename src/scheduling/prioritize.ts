// SPDX-License-Identifier: Apache-2.0
// Room 3: how much does the policy like each of these nodes with the pod on it? Only reads.
import { Likes, UNFIT } from '../core/likes.js';
import { preparePod } from '../core/prepared.js';
import type { PodRequest } from '../core/request.js';
import { NOWHERE } from '../core/rows.js';
import { score } from '../core/units.js';
import type { HostScore } from '../wire/extender.js';
import type { Scene } from './filter.js';

/**
 * The best of these nodes 10, the worst 0: what counts is which is liked better, and raw likes of a large cluster
 * differ in the second decimal, which whole scores would swallow (kube-scheduler's own plugins normalise likewise).
 * Nodes liked alike are all 10: the choice is then kube-scheduler's. A node that is gone or full meanwhile is liked least.
 */
export function prioritize(
  request: PodRequest,
  names: readonly string[],
  scene: Scene,
): readonly HostScore[] {
  const liked = new Likes(preparePod(request, scene.defaults), scene.snapshot);
  const likes = names.map((name) => {
    const ordinal = scene.snapshot.rows.ordinal(name);
    const like = ordinal === NOWHERE ? UNFIT : liked.at(ordinal);
    return like === UNFIT ? null : like;
  });
  const range = rangeOf(likes);
  return names.map((node, at) => ({ node, score: score(scaled(likes[at] ?? null, range)) }));
}

/** Not by spreading them into arguments: there may be more names than a stack holds. */
function rangeOf(likes: readonly (number | null)[]): { readonly most: number; readonly least: number } {
  let [most, least] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const like of likes) {
    most = Math.max(most, like ?? most);
    least = Math.min(least, like ?? 0);
  }
  return { most, least };
}

/** Less than this apart is alike: rounding of sums, not a preference. */
const ALIKE = 1e-9;

function scaled(like: number | null, range: { readonly most: number; readonly least: number }): number {
  if (like === null) return 0;
  const width = range.most - range.least;
  return width < ALIKE ? 10 : (10 * (like - range.least)) / width;
}
