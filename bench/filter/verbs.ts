// SPDX-License-Identifier: Apache-2.0
// Filter + prioritize, as the extender's handlers call them, without the wire. A sample is one pod.
import type { Ledger } from '../../src/core/ledger.js';
import { DEFAULT_RULES, nodePolicy } from '../../src/core/policies.js';
import type { NodePolicyName } from '../../src/core/request.js';
import { ok } from '../../src/core/result.js';
import { filter } from '../../src/scheduling/filter.js';
import { prioritize } from '../../src/scheduling/prioritize.js';
import { nodeName } from './fleet.js';
import type { Asker } from './pods.js';

export interface Question {
  readonly asker: Asker;
  readonly policy: NodePolicyName;
  /** Names that kube-scheduler sends: 500 of 5 000 by default, beginning at another node each time. */
  readonly names: number;
  readonly nodes: number;
}

/** Milliseconds for the sample-th pod. The names are new strings, as a body decoded from JSON has them. */
export function timeOf(question: Question, ledger: Ledger, sample: number): number {
  const names = namesOf(question, sample);
  const scene = {
    snapshot: ledger,
    defaults: { ...DEFAULT_RULES, nodePolicy: nodePolicy(question.policy), devicePolicy: [question.policy] },
  };
  const request = question.asker.podOf(sample);
  const start = performance.now();
  const { answer } = filter(ok(request), names, scene);
  prioritize(request, answer.nodeNames, scene);
  const elapsed = performance.now() - start;
  if (answer.nodeNames.length > 0 !== question.asker.fits)
    throw new Error(`bug: ${question.asker.name}: ${answer.nodeNames.length} nodes named`);
  return elapsed;
}

const WARM_UP = 20;
const SAMPLES = 500;
/** A slow question is asked less often, so that the bench ends. */
const ENOUGH_MS = 3000;
const FEWEST = 30;

export function samplesOf(question: Question, ledger: Ledger): readonly number[] {
  const samples: number[] = [];
  for (let sample = 0; sample < WARM_UP; sample++) timeOf(question, ledger, sample);
  const end = performance.now() + ENOUGH_MS;
  while (samples.length < SAMPLES && (samples.length < FEWEST || performance.now() < end))
    samples.push(timeOf(question, ledger, WARM_UP + samples.length));
  return samples;
}

function namesOf({ names, nodes }: Question, sample: number): readonly string[] {
  const from = (sample * names) % nodes;
  const all = Array.from({ length: names }, (_, at) => nodeName((from + at) % nodes));
  return JSON.parse(JSON.stringify(all)) as readonly string[];
}
