// SPDX-License-Identifier: Apache-2.0
// Who made a pod, in the words of whoever looks: the Deployment, not its ReplicaSet.
import { isRecord } from './json.js';

/**
 * `Deployment/web`, from a pod's metadata; empty for a pod of its own. A ReplicaSet's name is its Deployment's with the
 * hash of the pod template behind it, which its pods have as a label; a CronJob's Jobs end in minutes since 1970.
 */
export function workloadOf(metadata: Record<string, unknown>): string {
  const owner = controllerOf(metadata.ownerReferences);
  if (owner === null) return '';
  const { kind, name } = owner;
  const labels = isRecord(metadata.labels) ? metadata.labels : {};
  const end = `-${String(labels['pod-template-hash'])}`;
  if (kind === 'ReplicaSet' && name.endsWith(end)) return `Deployment/${name.slice(0, -end.length)}`;
  const cron = /^(.+)-\d{8}$/.exec(name)?.[1];
  return kind === 'Job' && cron !== undefined ? `CronJob/${cron}` : `${kind}/${name}`;
}

function controllerOf(owners: unknown): { readonly kind: string; readonly name: string } | null {
  const rows = Array.isArray(owners) ? owners.filter(isRecord) : [];
  const owner = rows.find(({ controller }) => controller === true);
  if (typeof owner?.kind !== 'string' || typeof owner.name !== 'string') return null;
  return { kind: owner.kind, name: owner.name };
}
