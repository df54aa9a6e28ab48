// SPDX-License-Identifier: Apache-2.0
// What one watch event costs, on nodes that already hold pods. Microseconds, the ledger's part alone and, where it
// says so, with the object read as well.
import { type Read, readWatchEvent, type Shape } from '../../src/adapters/kubernetes/protobuf.js';
import { NODE, POD } from '../../src/adapters/kubernetes/shapes.js';
import type { Ledger } from '../../src/core/ledger.js';
import type { NodeFacts } from '../../src/core/node.js';
import { followNodes, followPods } from '../../src/scheduling/follow.js';
import { PodMirror } from '../../src/scheduling/pod-mirror.js';
import { readNodeFacts } from '../../src/wire/node-view.js';
import { readPodView } from '../../src/wire/pod-view.js';
import { VENDORS } from '../../src/vendors/index.js';
import { encodeEvent, encodeFields, envelope } from '../../test/builders/protobuf.js';
import { timed } from './clock.js';
import { assumptionOf, factsOf, sightingOf } from './fleet.js';
import { rawNodeOf, rawPodOf } from './raw.js';

const ROUNDS = 5_000;
/** Numbers of the pods that come and go: above all that the fleet holds. */
const NEW_POD = 1000;

/** One kind of event, many times. */
export interface EventTime {
  readonly event: string;
  /** Mean. */
  readonly micros: number;
}

/** Of a scheduler that has been up for a while: all of it once before. Leaves the ledger as it found it. */
export function eventTimes(ledger: Ledger, nodes: number): readonly EventTime[] {
  timesOnce(ledger, nodes);
  return timesOnce(ledger, nodes);
}

function timesOnce(ledger: Ledger, nodes: number): readonly EventTime[] {
  const at = Array.from({ length: ROUNDS }, (_, round) => round % nodes);
  const comes = at.map((node) => sightingOf(node, NEW_POD));
  const times = [
    timedEach(
      'pod assumed',
      at.map((node) => assumptionOf(node, NEW_POD)),
      (pod) => ledger.assume(pod),
    ),
    timedEach('the same pod confirmed', comes, (pod) => ledger.confirm(pod)),
    timedEach('pod seen again', comes, (pod) => ledger.confirm(pod)),
    timedEach('pod released', comes, ({ uid }) => ledger.release(uid)),
    timedEach('pod of another scheduler confirmed', comes, (pod) => ledger.confirm(pod)),
    timedEach('node cordoned', at.map(cordoned), (node) => ledger.setNode(node)),
    timedEach('a device falls ill', at.map(ill), (node) => ledger.setNode(node)),
    timedEach('node as it was', at.map(factsOf), (node) => ledger.setNode(node)),
    timedEach('node told again', at.map(factsOf), (node) => ledger.setNode(node)),
    ...readTimes(ledger, at),
  ];
  for (const { uid } of comes) ledger.release(uid);
  return times;
}

/** As the watch hands them on: an event's bytes as the API server sends them, read, followed. */
function readTimes(ledger: Ledger, at: readonly number[]): readonly EventTime[] {
  const troubles = { tell: () => {} };
  const pods = followPods({ ledger, troubles, pods: new PodMirror() });
  const nodes = followNodes({ ledger, troubles, pods: new PodMirror() });
  const podFrames = at.map((node) => frameOf(rawPodOf(sightingOf(node, NEW_POD + 1)), POD));
  const nodeFrames = at.map((node) => frameOf(rawNodeOf(factsOf(node)), NODE));
  const podIn = (frame: Uint8Array) => readPodView(readWatchEvent(frame, POD).object, VENDORS);
  return [
    timedEach('pod event, read and followed', podFrames, (frame) => pods.onUpsert(podIn(frame))),
    timedEach('pod gone, read and followed', podFrames, (frame) => pods.onDelete(podIn(frame))),
    timedEach('node event, read and followed', nodeFrames, (frame) =>
      nodes.onUpsert(readNodeFacts(readWatchEvent(frame, NODE).object, VENDORS)),
    ),
  ];
}

const LENGTH_BYTES = 4;
const frameOf = (object: object, shape: Shape): Uint8Array =>
  encodeEvent('MODIFIED', envelope('', encodeFields(object as Read, shape))).subarray(LENGTH_BYTES);

const cordoned = (node: number): NodeFacts => ({ ...factsOf(node), cordoned: 'all' });

function ill(node: number): NodeFacts {
  const facts = factsOf(node);
  const devices = facts.devices.map((device, at) =>
    at === 0 ? { ...device, isHealthy: false, reason: 'Xid 79' } : device,
  );
  return { ...facts, devices };
}

function timedEach<T>(event: string, things: readonly T[], act: (thing: T) => void): EventTime {
  const ms = timed(() => {
    for (const thing of things) act(thing);
  });
  return { event, micros: (1000 * ms) / things.length };
}
