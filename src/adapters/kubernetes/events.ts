// SPDX-License-Identifier: Apache-2.0
// Events about trouble, resizes and the policy document, and nothing else: a pod placed well costs one write, and that
// is the binding.
import type { PolicyNews } from '../../scheduling/policy.js';
import type { ResizeNews, Trouble } from '../../scheduling/ports.js';
import type { PolicyLetter } from '../../wire/policy.js';
import type { Clock } from '../clock.js';
import type { KubeClient } from './client.js';
import { KubeFault } from './fault.js';

/** One Event per subject and kind within this time, however often it happens. */
const QUIET_MS = 10 * 60_000;
const NOTE_MAX = 1000;

export interface EventWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** What it does when it finds out: Reading where it is absent. */
  readonly action?: string;
  /** Who reports: the program's name and this instance. */
  readonly controller: string;
  readonly instance: string;
  readonly onFault: (fault: unknown) => void;
}

/** What happened to a pod or, where `pod` is empty, to the node. */
export type Happening = Omit<Trouble, 'kind'> & { readonly kind: string };

/** Answers `tell`: fire and forget, since an Event that cannot be written must not hold up placing. */
export function createEventWriter(options: EventWriterOptions): (trouble: Happening) => void {
  const lastAt = new Map<string, number>();
  return (trouble) => {
    const key = `${trouble.kind}/${trouble.uid}/${trouble.node}`;
    const now = options.clock.now();
    if (now - (lastAt.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    for (const [old, at] of lastAt) if (now - at >= QUIET_MS) lastAt.delete(old);
    lastAt.set(key, now);
    void post(options, {
      ...eventOf(trouble),
      ...(options.action !== undefined && { action: options.action }),
    }).catch(options.onFault);
  };
}

/**
 * Answers `tell` for the policy's ConfigMap. The Event is named for the ConfigMap's revision and what became of it,
 * so that of two replicas, or of a replica that starts anew, only the first is heard.
 */
export function createPolicyEventWriter(
  options: EventWriterOptions,
): (letter: PolicyLetter, news: PolicyNews) => void {
  return ({ namespace, name, uid, resourceVersion }, { kind, sentence }) => {
    const event: EventParts = {
      metadata: { name: `${name}.${resourceVersion}.${kind.toLowerCase()}`, namespace },
      action: 'Reading',
      reason: kind,
      regarding: { apiVersion: 'v1', kind: 'ConfigMap', namespace, name, uid, resourceVersion },
      note: sentence,
      type: kind === 'PolicyRefused' ? 'Warning' : 'Normal',
    };
    void post(options, event).catch((fault: unknown) => {
      if (!(fault instanceof KubeFault && fault.status === 409)) options.onFault(fault);
    });
  };
}

/** Answers `tell` for resizes: each is asked for by somebody, who reads the answer at the pod. */
export function createResizeEventWriter(options: EventWriterOptions): (news: ResizeNews) => void {
  return ({ isResized, pod, uid, sentence }) => {
    const [namespace = '', name = ''] = pod.split('/', 2);
    const event: EventParts = {
      metadata: { generateName: `${name}.kerf-`, namespace },
      action: 'Resizing',
      reason: isResized ? 'Resized' : 'ResizeRefused',
      regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
      note: sentence,
      type: isResized ? 'Normal' : 'Warning',
    };
    void post(options, event).catch(options.onFault);
  };
}

interface EventParts {
  readonly metadata: { readonly namespace: string; readonly name?: string; readonly generateName?: string };
  readonly action: string;
  readonly reason: string;
  readonly regarding: object;
  readonly note: string;
  readonly type: 'Normal' | 'Warning';
}

function eventOf(trouble: Happening): EventParts {
  const [namespace = 'default', name = ''] =
    trouble.pod === '' ? ['default', trouble.node] : trouble.pod.split('/', 2);
  const regarding =
    trouble.pod === ''
      ? { apiVersion: 'v1', kind: 'Node', name: trouble.node, uid: trouble.node }
      : { apiVersion: 'v1', kind: 'Pod', namespace, name, uid: trouble.uid };
  return {
    metadata: { generateName: `${name}.kerf-`, namespace },
    action: 'Reading',
    reason: trouble.kind,
    regarding,
    note: trouble.sentence,
    type: 'Warning',
  };
}

async function post(options: EventWriterOptions, { note, ...parts }: EventParts): Promise<void> {
  const event = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // MicroTime: six digits after the point, or the API server refuses it.
    eventTime: new Date(options.clock.now()).toISOString().replace('Z', '000Z'),
    reportingController: options.controller,
    reportingInstance: options.instance,
    note: note.slice(0, NOTE_MAX),
    ...parts,
  };
  const path = `/apis/events.k8s.io/v1/namespaces/${parts.metadata.namespace}/events`;
  await options.client.send({ method: 'POST', path, body: JSON.stringify(event) });
}
