// SPDX-License-Identifier: Apache-2.0
// Letter: admission.k8s.io/v1 AdmissionReview. The API server asks with the pod, we answer yes (with a patch) or no.
import { err, ok, type Result } from '../core/result.js';
import { isRecord } from './json.js';
import type { ContainerLike } from './pod-shape.js';

/** A container as admission needs it; whatever else stands in it is carried along untouched. */
export interface ContainerObject extends ContainerLike {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly capabilities?: { readonly add?: readonly string[] };
  };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

/** A pod as admission needs it; whatever else stands in it is carried along untouched. */
export interface PodObject {
  readonly metadata: {
    readonly name?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly ContainerObject[];
    readonly initContainers?: readonly ContainerObject[];
    readonly nodeName?: string;
    readonly schedulerName?: string;
  };
}

/** What admission says to one pod. */
export type Admission =
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly sentence: string }
  | { readonly kind: 'admitted'; readonly pod: PodObject; readonly warnings: readonly string[] };

/** A question of the API server that can be answered; `pod` is null where it is about something else. */
export interface Review {
  readonly uid: string;
  readonly pod: PodObject | null;
}

export const REVIEW_VERSION = 'admission.k8s.io/v1';

/** The error is a sentence, with the uid to answer to where one could be read. */
export function readReview(
  body: unknown,
): Result<Review, { readonly uid: string; readonly sentence: string }> {
  if (!isRecord(body) || body.kind !== 'AdmissionReview' || !isRecord(body.request))
    return err({ uid: '', sentence: 'the body is no AdmissionReview with a request' });
  const { uid, object } = body.request;
  if (typeof uid !== 'string' || uid === '') return err({ uid: '', sentence: 'request.uid is missing' });
  if (body.apiVersion !== REVIEW_VERSION)
    return err({ uid, sentence: `apiVersion is ${JSON.stringify(body.apiVersion)}: want ${REVIEW_VERSION}` });
  if (!isPodCreation(body.request)) return ok({ uid, pod: null });
  const flaw = flawOf(object);
  if (flaw !== null) return err({ uid, sentence: flaw });
  const pod = object as unknown as PodObject;
  return ok({ uid, pod: isRecord(pod.metadata) ? pod : { ...pod, metadata: {} } });
}

function isPodCreation({ operation, kind }: Record<string, unknown>): boolean {
  return operation === 'CREATE' && isRecord(kind) && kind.kind === 'Pod';
}

/** The API server sends well-formed pods only; anybody else who speaks to the socket may not. */
function flawOf(pod: unknown): string | null {
  if (!isRecord(pod) || !isRecord(pod.spec)) return 'request.object is no pod';
  if (!isOptionalRecord(pod.metadata)) return 'metadata of the pod is no object';
  const { annotations, labels } = pod.metadata ?? {};
  if (![annotations, labels].every(isTexts)) return 'annotations and labels of the pod are not all texts';
  const { containers, initContainers = [] } = pod.spec;
  if (!isListOfContainers(containers) || containers.length === 0)
    return 'spec.containers of the pod cannot be read';
  return isListOfContainers(initContainers) ? null : 'spec.initContainers of the pod cannot be read';
}

function isListOfContainers(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.every(isContainer);
}

function isOptionalRecord(value: unknown): value is Record<string, unknown> | undefined {
  return value === undefined || isRecord(value);
}

function isTexts(value: unknown): boolean {
  if (value === undefined) return true;
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isContainer(value: unknown): boolean {
  if (!isRecord(value) || typeof value.name !== 'string') return false;
  const { resources, env, volumeMounts, securityContext } = value;
  if (!isOptionalRecord(resources) || !isOptionalRecord(securityContext)) return false;
  const areAmounts = [resources?.limits, resources?.requests].every(isAmounts);
  return areAmounts && isListOf(env, 'name') && isListOf(volumeMounts, 'mountPath');
}

function isAmounts(value: unknown): boolean {
  if (value === undefined) return true;
  const isAmount = (amount: unknown) => typeof amount === 'string' || typeof amount === 'number';
  return isRecord(value) && Object.values(value).every(isAmount);
}

function isListOf(value: unknown, field: string): boolean {
  if (value === undefined) return true;
  return (
    Array.isArray(value) && value.every((row: unknown) => isRecord(row) && typeof row[field] === 'string')
  );
}

/** An answer; `patch` is RFC 6902 JSON in base64, absent where nothing changes. */
export interface Answer {
  readonly uid: string;
  readonly allowed: boolean;
  readonly sentence?: string;
  readonly patch?: string;
  readonly warnings?: readonly string[];
}

/** The HTTP status is 200 for a no as well: any other is a broken webhook to the API server. */
export function encodeAnswer({
  uid,
  allowed,
  sentence,
  patch,
  warnings = [],
}: Answer): Record<string, unknown> {
  const refusal = { status: { code: 403, reason: 'Forbidden', message: sentence ?? '' } };
  const response = {
    uid,
    allowed,
    ...(allowed ? {} : refusal),
    ...(patch === undefined ? {} : { patchType: 'JSONPatch', patch }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
  return { apiVersion: REVIEW_VERSION, kind: 'AdmissionReview', response };
}
