// SPDX-License-Identifier: Apache-2.0
// The parts of a pod that are read, and how its bad fields are told (see wire/pod).
import type { ContainerKind } from '../core/request.js';

/** Amounts as the API server writes them (text), or as a hand-written file has them. */
export type Amounts = Readonly<Record<string, string | number>>;

/** The parts of a container that are read. */
export interface ContainerLike {
  readonly name: string;
  readonly restartPolicy?: string | undefined;
  readonly resources?:
    | { readonly limits?: Amounts | undefined; readonly requests?: Amounts | undefined }
    | undefined;
}

/** The parts of a pod that are read: a whole pod of the API server fits, and so does a slim projection. */
export interface PodLike {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> | undefined } | undefined;
  readonly spec?:
    | {
        readonly containers?: readonly ContainerLike[] | undefined;
        readonly initContainers?: readonly ContainerLike[] | undefined;
      }
    | undefined;
}

/** Bad input: which field, what stands there, what would be right. */
export interface BadField {
  readonly field: string;
  readonly value: string;
  readonly want: string;
}

/** Enough to know one's own value by; filter repeats the sentence for every node, and annotations reach 256 KiB. */
const LONGEST_VALUE = 100;

/** One sentence for people. */
export function sentenceOf({ field, value, want }: BadField): string {
  return `${field} is ${quoted(value)}: ${want}`;
}

export function quoted(value: string): string {
  return JSON.stringify(value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value);
}

export const annotationPath = (key: string): string => `metadata.annotations[${JSON.stringify(key)}]`;

/** One container of a pod with where it stands. */
export interface ContainerPlace<C extends ContainerLike = ContainerLike> {
  readonly container: C;
  readonly kind: ContainerKind;
  /** `spec.containers[1]` */
  readonly path: string;
}

/** All containers in the kubelet's order: init containers and sidecars as written, then apps. */
export function containersOf<C extends ContainerLike>(spec: {
  readonly containers?: readonly C[] | undefined;
  readonly initContainers?: readonly C[] | undefined;
}): readonly ContainerPlace<C>[] {
  const inits = (spec.initContainers ?? []).map((container, index) => ({
    container,
    kind: container.restartPolicy === 'Always' ? ('sidecar' as const) : ('init' as const),
    path: `spec.initContainers[${index}]`,
  }));
  const apps = (spec.containers ?? []).map((container, index) => ({
    container,
    kind: 'app' as const,
    path: `spec.containers[${index}]`,
  }));
  return [...inits, ...apps];
}
