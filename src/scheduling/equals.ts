// SPDX-License-Identifier: Apache-2.0
// Which of filter's short list are named. One name ends kube-scheduler's cycle: no scoring, no call of prioritize.
import type { HostScore } from '../wire/extender.js';

/**
 * Those that score as the best one does: kube-scheduler chooses among equals, by what it knows and we do not (images,
 * CPU, spreading). The whole list for a pod that states preferences of its own, for they may outweigh a score.
 */
export function equalsOf(scores: readonly HostScore[], statesPreferences: boolean): readonly string[] {
  const best = scores.reduce((most, { score }) => Math.max(most, score), 0);
  return scores.filter(({ score }) => statesPreferences || score === best).map(({ node }) => node);
}
