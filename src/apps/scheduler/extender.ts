// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';
import type { SchedulerRegistry } from '../../adapters/exposition/scheduler-registry.js';
import type { ExtenderPorts } from '../../adapters/http/extender-routes.js';
import type { Ledger } from '../../core/ledger.js';
import { Attempts } from '../../scheduling/attempts.js';
import type { BindAnswer } from '../../scheduling/bind.js';
import { filter, type Filtered, type Scene, SHORT_LIST } from '../../scheduling/filter.js';
import type { DecisionLog } from '../../scheduling/decision-log.js';
import { equalsOf } from '../../scheduling/equals.js';
import { createPatience, Doubts } from '../../scheduling/patience.js';
import type { PodMirror } from '../../scheduling/pod-mirror.js';
import { ruledBy, sceneFor, type Stage } from '../../scheduling/policy.js';
import { prioritize } from '../../scheduling/prioritize.js';
import type { Vendor } from '../../vendors/index.js';
import type { BindAsk, FilterAsk, HostScore } from '../../wire/extender.js';
import { isRecord } from '../../wire/json.js';
import { statesPreferences } from '../../wire/pod-preferences.js';
import { type PodView, readPodView } from '../../wire/pod-view.js';
import type { Watches } from './watches.js';

export interface ExtenderJoint {
  readonly stage: Stage;
  readonly ledger: Pick<Ledger, 'openings'>;
  readonly pods: PodMirror;
  readonly bind: (ask: BindAsk) => Promise<BindAnswer>;
  readonly watches: Watches;
  readonly vendors: readonly Vendor[];
  readonly clock: Clock;
  readonly metrics: SchedulerRegistry;
  readonly decisions: DecisionLog;
  readonly log: Logger;
}

const NOT_HEARD =
  'nothing was heard of the cluster since this pod was last refused: Kerf looks again in a moment';
const NOT_READY = 'Kerf has not seen the cluster yet: its watches are still listing';

export function joinExtender(joint: ExtenderJoint): ExtenderPorts {
  const { stage, bind, watches, clock, metrics, decisions, log } = joint;
  const attempts = new Attempts();
  return {
    notReady: () => (watches.isReady() ? null : NOT_READY),
    filter: filterWith(joint),
    prioritize({ pod: raw, nodeNames }: FilterAsk) {
      const pod = viewOf(raw, joint);
      return pod.request.ok ? prioritize(pod.request.value, nodeNames, sceneFor(stage, pod)) : [];
    },
    async bind(ask) {
      if (attempts.begin(ask.uid)) metrics.count('bindRetries');
      const { sentence, refusal, placement } = await bind(ask);
      if (sentence === '') attempts.done(ask.uid);
      if (refusal !== undefined) metrics.count('refusals', { verb: 'bind', kind: refusal.kind });
      const about = { pod: nameOf(ask), uid: ask.uid, node: ask.node, revision: stage.snapshot.revision };
      const why = refusal === undefined ? {} : { refusal: refusal.kind };
      const given = placement === undefined ? {} : { placement };
      decisions.record({ at: clock.now(), verb: 'bind', ...about, sentence, ...why, ...given });
      const devices = placement?.containers.flatMap(({ slices }) => slices.map(({ deviceId }) => deviceId));
      if (sentence === '') log.info({ ...about, devices }, 'bound');
      else log.warn({ ...about, sentence }, 'not bound');
      return sentence;
    },
    onAnswer(verb, outcome, ms) {
      metrics.observe('verbSeconds', ms / 1000, { verb });
      metrics.count('decisions', { verb, outcome });
    },
    onFault: (fault) => log.error({ err: fault }, 'a verb failed'),
  };
}

function filterWith(joint: ExtenderJoint): ExtenderPorts['filter'] {
  const { stage, ledger, clock, metrics, decisions, log } = joint;
  const awaitNews = createPatience({
    now: clock.now,
    pause: (ms) => new Promise((resolve) => clock.after(ms, resolve)),
    revision: () => stage.snapshot.revision,
  });
  const doubts = new Doubts();
  return async ({ pod: raw, nodeNames }) => {
    const pod = viewOf(raw, joint);
    const { revision } = stage.snapshot;
    let scene = sceneFor(stage, pod);
    let { answer, refusals } = filter(pod.request, nodeNames, scene);
    if (pod.request.ok && refusals.length > 0 && (await awaitNews(revision))) {
      scene = sceneFor(stage, pod);
      ({ answer, refusals } = filter(pod.request, nodeNames, scene));
    }
    if (pod.request.ok && refusals.length > 0 && doubts.doubt(pod.uid, ledger.openings)) return NOT_HEARD;
    const kinds = countKinds(refusals);
    for (const [kind, nodes] of Object.entries(kinds))
      metrics.count('refusals', { verb: 'filter', kind }, nodes);
    const offered = scoresOf(pod, answer.nodeNames, scene);
    decisions.record({
      ...{ at: clock.now(), verb: 'filter', pod: nameOf(pod), uid: pod.uid },
      revision: scene.snapshot.revision,
      request: pod.request.ok ? pod.request.value : null,
      ruledBy: ruledBy(pod, stage),
      candidates: nodeNames.length,
      offered,
      refusals: kinds,
    });
    const counts = { asked: nodeNames.length, offered: answer.nodeNames.length };
    log.debug({ pod: nameOf(pod), revision: scene.snapshot.revision, ...counts }, 'filter');
    if (offered.length === 0) return answer;
    return { ...answer, nodeNames: equalsOf(offered, statesPreferences(raw)) };
  };
}

/** The watch has mostly read this very pod before: then nothing of it is read again. */
function viewOf(raw: FilterAsk['pod'], { pods, vendors }: ExtenderJoint): PodView {
  const { uid, resourceVersion } = isRecord(raw.metadata) ? raw.metadata : {};
  const known = typeof uid === 'string' ? pods.get(uid) : undefined;
  return known !== undefined && known.resourceVersion === resourceVersion ? known : readPodView(raw, vendors);
}

/** Of the short list only: a pod that asks for nothing is offered every node, and scored by nobody. */
function scoresOf({ request }: PodView, names: readonly string[], scene: Scene): readonly HostScore[] {
  return request.ok && names.length <= SHORT_LIST ? prioritize(request.value, names, scene) : [];
}

function countKinds(refusals: Filtered['refusals']): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind } of refusals) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

const nameOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;
