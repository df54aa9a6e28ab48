// SPDX-License-Identifier: Apache-2.0
// What the scheduler's rooms need of the world; adapters implement it, the door joins it.
import type { PodView } from '../wire/pod-view.js';

/** One write that places a pod. */
export interface BindingWrite {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  /** The placement letter; null for a pod that asks for nothing of ours. */
  readonly placement: string | null;
}

/**
 * written: done. refused: the API server said no and changed nothing; `isConflict` where the pod may be bound
 * already. unknown: no answer, so it may or may not be done.
 */
export type BindingOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'refused'; readonly isConflict: boolean; readonly sentence: string }
  | { readonly kind: 'unknown'; readonly sentence: string };

export interface Bindings {
  /** Never throws: a fault is an outcome of kind unknown. */
  write(write: BindingWrite): Promise<BindingOutcome>;
}

export interface PodReader {
  /** As of now, from the API server; null when there is none. Throws a Fault when nobody answers. */
  readPod(namespace: string, name: string): Promise<PodView | null>;
}

/** Something is wrong that people must hear of. Told once per change, not per look. */
export interface Trouble {
  readonly kind: 'PlacementUnreadable' | 'InventoryUnreadable';
  /** namespace/name, or empty where it is about the node. */
  readonly pod: string;
  readonly uid: string;
  readonly node: string;
  readonly sentence: string;
}

export interface TroubleSink {
  tell(trouble: Trouble): void;
}

/** The answer to a resize: placement, echo of the request and condition, in one write. */
export interface ResizeWrite {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** The pod as it was decided on: any change since makes the write a conflict. */
  readonly resourceVersion: string;
  /** The new placement letter; null where it stays. */
  readonly placement: string | null;
  readonly echo: string;
  readonly isResized: boolean;
  /** Of the condition: one word, and one sentence. */
  readonly reason: string;
  readonly message: string;
}

export interface ResizeWrites {
  /** Never throws: a fault is an outcome of kind unknown. */
  write(write: ResizeWrite): Promise<BindingOutcome>;
}

/** What became of a request to resize. */
export interface ResizeNews {
  readonly isResized: boolean;
  readonly pod: string;
  readonly uid: string;
  readonly node: string;
  readonly reason: string;
  readonly sentence: string;
}
