// SPDX-License-Identifier: Apache-2.0
// Letter: what kube-scheduler says to an extender and hears back (k8s.io/kube-scheduler/extender/v1).
// The Go structs have no json tags: keys are the field names, capitalised. A body is hostile until read.
import { err, ok, type Result } from '../core/result.js';
import type { Score } from '../core/units.js';
import { isRecord, parseJson } from './json.js';

export interface FilterAsk {
  /** The pod as the API server shows it. */
  readonly pod: Record<string, unknown>;
  readonly nodeNames: readonly string[];
}

export interface FilterAnswer {
  readonly nodeNames: readonly string[];
  /** Node → why not, where evicting somebody could help. */
  readonly curable: Readonly<Record<string, string>>;
  /** Node → why not, where it could not. */
  readonly incurable: Readonly<Record<string, string>>;
}

export interface HostScore {
  readonly node: string;
  readonly score: Score;
}

export interface BindAsk {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
}

/** Of filter and prioritize. Needs `nodeCacheCapable: true`; full Node objects are refused with a sentence. */
export function decodeArgs(text: string): Result<FilterAsk, string> {
  const body = parseJson(text);
  if (!isRecord(body)) return err('the body is not a JSON object with Pod and NodeNames');
  if (!isRecord(body.Pod)) return err('Pod is not an object');
  const names = body.NodeNames;
  if (names === null || names === undefined)
    return err('NodeNames is missing: the extender needs nodeCacheCapable: true');
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    return err('NodeNames is not a list of texts');
  return ok({ pod: body.Pod, nodeNames: names });
}

export function decodeBindArgs(text: string): Result<BindAsk, string> {
  const body = parseJson(text);
  if (!isRecord(body))
    return err('the body is not a JSON object with PodName, PodNamespace, PodUID and Node');
  const { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node } = body;
  for (const [field, value] of Object.entries({
    PodName: name,
    PodNamespace: namespace,
    PodUID: uid,
    Node: node,
  }))
    if (typeof value !== 'string' || value === '') return err(`${field} is missing or not a text`);
  return ok({ uid, namespace, name, node } as BindAsk);
}

export function encodeFilter(answer: FilterAnswer): string {
  return JSON.stringify({
    NodeNames: answer.nodeNames,
    FailedNodes: answer.curable,
    FailedAndUnresolvableNodes: answer.incurable,
    Error: '',
  });
}

export function encodeFilterError(sentence: string): string {
  return JSON.stringify({ Error: sentence });
}

export function encodeScores(scores: readonly HostScore[]): string {
  return JSON.stringify(scores.map(({ node, score }) => ({ Host: node, Score: score })));
}

/** An empty sentence is success. */
export function encodeBind(sentence: string): string {
  return JSON.stringify({ Error: sentence });
}
