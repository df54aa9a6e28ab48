// SPDX-License-Identifier: Apache-2.0
import type { MiB, MilliCores } from './units.js';

/** How much memory of each device; a share becomes MiB in fit, where the device is known. */
export type MemoryWish =
  | { readonly kind: 'whole' }
  | { readonly kind: 'fixed'; readonly memory: MiB }
  | { readonly kind: 'share'; readonly permille: number };

/** What one container asks of one vendor: `count` distinct devices, the same part of each. */
export interface SliceRequest {
  readonly vendor: string;
  readonly count: number;
  readonly memory: MemoryWish;
  /** 0: best effort; 1000: exclusive compute. */
  readonly cores: MilliCores;
  /** Shares its devices with nobody: a whole-device request, or all the compute. */
  readonly isExclusive: boolean;
  readonly priority: Priority;
}

/** init: runs before the apps and is over then. sidecar: an init container with restartPolicy Always, stays. */
export type ContainerKind = 'init' | 'sidecar' | 'app';

export interface ContainerRequest {
  readonly name: string;
  readonly kind: ContainerKind;
  /** One row per vendor asked; empty when the container asks for no device. */
  readonly slices: readonly SliceRequest[];
}

/** Which devices may serve: empty lists allow all. Models match as case-insensitive substrings, ids exactly. */
export interface DeviceChoice {
  readonly allowModels: readonly string[];
  readonly denyModels: readonly string[];
  readonly allowIds: readonly string[];
  readonly denyIds: readonly string[];
}

/** Tier of a slice among those that share its device. */
export type Priority = 'high' | 'low';

export type NodePolicyName = 'binpack' | 'spread' | 'fragmentation' | 'topology';
export type DevicePolicyName = NodePolicyName | 'numa' | 'priority' | 'mutex' | 'exclusive';

export interface WeightedName {
  readonly name: NodePolicyName;
  /** Above 0. */
  readonly weight: number;
}

/** Steps in order: the first that tells two nodes apart decides. Within a step, the weighted sum. */
export type NodePolicy = readonly (readonly WeightedName[])[];

/** In order: the first that tells two devices apart decides. */
export type DevicePolicy = readonly DevicePolicyName[];

/** All devices of one container and vendor on one NUMA node: a must, or better than otherwise. */
export type NumaWish = 'required' | 'preferred';

/** How its slices live with others on their devices. What is left out: what the policy says, else the mildest. */
export interface SharingWish {
  /** hard: never above the cores asked; soft: what others leave idle may be used. */
  readonly compute?: 'hard' | 'soft';
  /** 1..100: its part of what is left idle, against others'. */
  readonly weight?: number;
  /** How far memory may grow on each device while nobody else has it; the memory asked is guaranteed. */
  readonly ceiling?: MiB;
}

/** What a whole pod asks, containers in kubelet's order: init containers (and sidecars) first, then apps. */
export interface PodRequest {
  readonly containers: readonly ContainerRequest[];
  readonly choice: DeviceChoice;
  /** null: what the rules say. */
  readonly nodePolicy: NodePolicy | null;
  readonly devicePolicy: DevicePolicy | null;
  /** null: where its devices sit does not matter. */
  readonly numa: NumaWish | null;
  /** Absent: nothing is said. */
  readonly sharing?: SharingWish;
  /** CPU it requests, in thousandths, as the kubelet counts: what packing weighs beside the devices. */
  readonly cpuMilli: number;
}

export const ANY_DEVICE: DeviceChoice = { allowModels: [], denyModels: [], allowIds: [], denyIds: [] };

/** True when some container asks for a device: all others are none of our business. */
export function asksForDevices(request: PodRequest): boolean {
  return request.containers.some((container) => container.slices.length > 0);
}
