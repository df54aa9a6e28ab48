// SPDX-License-Identifier: Apache-2.0
// May the pod's namespace have what a resize would add?
import type { Device } from '../core/device.js';
import type { Ledger } from '../core/ledger.js';
import type { Placement } from '../core/placement.js';
import { overQuota, type Quota, type Surplus, surplusOf } from '../core/quota.js';
import type { ResizeRefusal } from '../core/resize-refusals.js';
import type { Vendor } from '../vendors/index.js';
import type { PodView } from '../wire/pod-view.js';
import type { PodMirror } from './pod-mirror.js';

export interface QuotaLook {
  readonly ledger: Ledger;
  readonly pods: PodMirror;
  readonly vendors: readonly Vendor[];
  /** As of now. */
  readonly list: (namespace: string) => Promise<readonly Quota[]>;
}

export function createQuotaLook(
  look: QuotaLook,
): (pod: PodView, after: Placement) => Promise<ResizeRefusal | null> {
  const names = look.vendors.map(({ name, resources, memoryUnitMiB }) => ({
    ...resources,
    vendor: name,
    unitMiB: memoryUnitMiB,
  }));
  return async (pod, after) => {
    const mine = surplusIn(look, pod, after);
    if (!mine.some((row) => row.memoryMiB > 0 || row.memoryPercent > 0 || row.corePercent > 0)) return null;
    const quotas = await look.list(pod.namespace);
    return overQuota(quotas, { mine, others: othersOf(look, pod) }, names);
  };
}

function othersOf(look: QuotaLook, pod: PodView): readonly Surplus[] {
  const neighbours = [...look.pods.all()].filter(
    ({ namespace, uid, isOver }) => namespace === pod.namespace && uid !== pod.uid && !isOver,
  );
  return neighbours.flatMap((each) => {
    const { claim, next } = look.ledger.holding(each.uid) ?? {};
    if (claim?.kind !== 'placed') return [];
    return surplusIn(look, each, next ?? claim.placement);
  });
}

function surplusIn({ ledger }: QuotaLook, { request, nodeName }: PodView, given: Placement) {
  const all = [...(ledger.node(nodeName)?.vendors.values() ?? [])].flatMap(({ devices }) => devices);
  const deviceOf = (id: string): Device | undefined => all.find(({ device }) => device.id === id)?.device;
  return request.ok ? surplusOf(request.value, given, deviceOf) : [];
}
