// SPDX-License-Identifier: Apache-2.0
// Every name that leaves a process and belongs to Kerf (docs/names.md is held to this file).

export const SCHEDULER_NAME = 'kerf-scheduler';
export const NAMESPACE = 'kerf-system';
export const DOMAIN = 'kerf.dev';

/** Label on a pod or a namespace; the value `ignore` keeps the webhook away. */
export const WEBHOOK_LABEL = 'kerf.dev/webhook';
export const WEBHOOK_IGNORE = 'ignore';
/** Ours, and the label of HAMi's users. */
export const IGNORE_LABELS = [WEBHOOK_LABEL, 'hami.io/webhook'] as const;

/** Letters: pod annotation with the slices given, node annotation with the devices there are. */
export const PLACEMENT = 'kerf.dev/placement';
/** A resize that whoever may patch the pod asks for, and the scheduler's echo of the request it answered last. */
export const RESIZE = 'kerf.dev/resize';
export const RESIZED = 'kerf.dev/resized';
export const inventoryOf = (vendor: string): string => `kerf.dev/inventory-${vendor}`;
export const INVENTORY_PREFIX = 'kerf.dev/inventory-';
export const CORDON = 'kerf.dev/cordon';

/** The ConfigMap with the policy document, in the scheduler's namespace, and its key. */
export const POLICY_CONFIGMAP = 'kerf-policy';
export const POLICY_KEY = 'policy.yaml';

/** What a pod may say. */
export const NODE_POLICY = 'kerf.dev/node-policy';
export const DEVICE_POLICY = 'kerf.dev/device-policy';
export const DEVICE_TYPE = 'kerf.dev/device-type';
export const DEVICE_TYPE_NOT = 'kerf.dev/device-type-not';
export const DEVICE_UUID = 'kerf.dev/device-uuid';
export const DEVICE_UUID_NOT = 'kerf.dev/device-uuid-not';
export const NUMA = 'kerf.dev/numa';
export const ISOLATION = 'kerf.dev/isolation';
export const MEMORY_LIMIT = 'kerf.dev/memory-limit';
/** How it lives with others while it runs (docs/sharing.md). */
export const COMPUTE = 'kerf.dev/compute';
export const WEIGHT = 'kerf.dev/weight';
export const OVERSUBSCRIBE = 'kerf.dev/oversubscribe';

/** All that a pod may say, the letter written by bind included. */
export const POD_ANNOTATIONS: readonly string[] = [
  NODE_POLICY,
  DEVICE_POLICY,
  DEVICE_TYPE,
  DEVICE_TYPE_NOT,
  DEVICE_UUID,
  DEVICE_UUID_NOT,
  NUMA,
  ISOLATION,
  MEMORY_LIMIT,
  COMPUTE,
  WEIGHT,
  OVERSUBSCRIBE,
  RESIZE,
  RESIZED,
  PLACEMENT,
];

/** CDI kind of a slot: `kerf.dev/slot=<32 hex digits>`. */
export const SLOT_KIND = 'kerf.dev/slot';

/** Service accounts of the programs, in NAMESPACE; the scheduler's alone may write placements. */
export const SCHEDULER_ACCOUNT = 'kerf-scheduler';
export const NODE_ACCOUNT = 'kerf-device-plugin';
export const MONITOR_ACCOUNT = 'kerf-monitor';
