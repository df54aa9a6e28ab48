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

export type PolicyName = 'binpack' | 'spread';

/** What a whole pod asks, containers in kubelet's order: init containers (and sidecars) first, then apps. */
export interface PodRequest {
  readonly containers: readonly ContainerRequest[];
  readonly choice: DeviceChoice;
  /** null: the cluster's default. */
  readonly nodePolicy: PolicyName | null;
  readonly devicePolicy: PolicyName | null;
}

export const ANY_DEVICE: DeviceChoice = { allowModels: [], denyModels: [], allowIds: [], denyIds: [] };

/** True when some container asks for a device: all others are none of our business. */
export function asksForDevices(request: PodRequest): boolean {
  return request.containers.some((container) => container.slices.length > 0);
}
