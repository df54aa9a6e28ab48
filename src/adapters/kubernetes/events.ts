// SPDX-License-Identifier: Apache-2.0
// Events about trouble, and only about trouble: a pod placed well costs one write, and that is the binding.
import type { Trouble } from '../../scheduling/ports.js';
import type { Clock } from '../clock.js';
import type { KubeClient } from './client.js';

/** One Event per subject and kind within this time, however often it happens. */
const QUIET_MS = 10 * 60_000;
const NOTE_MAX = 1000;

export interface EventWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Who reports: the scheduler's name and this instance. */
  readonly controller: string;
  readonly instance: string;
  readonly onFault: (fault: unknown) => void;
}

/** Answers `tell`: fire and forget, since an Event that cannot be written must not hold up placing. */
export function createEventWriter(options: EventWriterOptions): (trouble: Trouble) => void {
  const lastAt = new Map<string, number>();
  return (trouble) => {
    const key = `${trouble.kind}/${trouble.uid}/${trouble.node}`;
    const now = options.clock.now();
    if (now - (lastAt.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    for (const [old, at] of lastAt) if (now - at >= QUIET_MS) lastAt.delete(old);
    lastAt.set(key, now);
    void post(options, trouble, now).catch(options.onFault);
  };
}

async function post(options: EventWriterOptions, trouble: Trouble, now: number): Promise<void> {
  const [namespace, name] = trouble.pod === '' ? ['default', trouble.node] : trouble.pod.split('/', 2);
  const regarding =
    trouble.pod === ''
      ? { apiVersion: 'v1', kind: 'Node', name: trouble.node, uid: trouble.node }
      : { apiVersion: 'v1', kind: 'Pod', namespace, name, uid: trouble.uid };
  const event = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { generateName: `${name}.kerf-`, namespace },
    // MicroTime: six digits after the point, or the API server refuses it.
    eventTime: new Date(now).toISOString().replace('Z', '000Z'),
    reportingController: options.controller,
    reportingInstance: options.instance,
    action: 'Reading',
    reason: trouble.kind,
    regarding,
    note: trouble.sentence.slice(0, NOTE_MAX),
    type: 'Warning',
  };
  const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
  await options.client.send({ method: 'POST', path, body: JSON.stringify(event) });
}
