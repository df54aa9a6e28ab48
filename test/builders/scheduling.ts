// SPDX-License-Identifier: Apache-2.0
import type { PodRequest } from '../../src/core/request.js';
import { isInitOnly, slotsWanted } from '../../src/core/phases.js';
import { asksForDevices } from '../../src/core/request.js';
import type { BindAsk } from '../../src/wire/extender.js';
import type { PodView } from '../../src/wire/pod-view.js';
import { aRequest } from './core.js';

/** A pending pod default/p1 of UID u1 that asks for the request. */
export function aPodView(request: PodRequest = aRequest(), named: Partial<PodView> = {}): PodView {
  return {
    uid: 'u1',
    namespace: 'default',
    name: 'p1',
    nodeName: '',
    labels: new Map(),
    schedulerName: 'kerf-scheduler',
    resourceVersion: '1',
    isOver: false,
    isTerminating: false,
    request: { ok: true, value: request },
    asksForDevices: asksForDevices(request),
    containers: request.containers.map(({ name, kind }) => ({ name, kind })),
    slots: slotsWanted(request),
    isInitOnlyUnstarted: isInitOnly(request),
    placement: null,
    resize: null,
    cpuMilli: 0,
    isOfNode: false,
    hamiLetters: [],
    ...named,
  };
}

export function aBindAsk(named: Partial<BindAsk> = {}): BindAsk {
  return { uid: 'u1', namespace: 'default', name: 'p1', node: 'n1', ...named };
}
