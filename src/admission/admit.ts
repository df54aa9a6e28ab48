// SPDX-License-Identifier: Apache-2.0
// Room 1. Pure: a pod and what is known go in, an answer comes out; nothing is written (a patch is an answer).
//
//   pod ──▶ ours? ──▶ checks ──▶ normal form ──▶ warnings ──▶ admitted
//            │ no       │ bad field
//            ▼          ▼
//         ignored    refused, in one sentence
//
// admit(admit(pod)) = admit(pod): the API server may ask again after another webhook changed the pod.
import { asksForDevices, type PodRequest } from '../core/request.js';
import type { Vendor } from '../vendors/index.js';
import type { Admission, PodObject } from '../wire/admission.js';
import { IGNORE_LABELS, PLACEMENT, WEBHOOK_IGNORE } from '../wire/names.js';
import { readPodRequest, sentenceOf } from '../wire/pod.js';
import { firstBadField } from './checks.js';
import { normalForm } from './normal-form.js';
import type { PresentNodes } from './present.js';
import { warningsFor } from './warnings.js';

/** What admission knows of the world. */
export interface AdmissionContext {
  readonly vendors: readonly Vendor[];
  /** Name of the scheduler that places our pods. */
  readonly schedulerName: string;
  /** Largest number of devices one container may ask. */
  readonly devicesPerContainer: number;
  readonly present: PresentNodes;
}

export function admit(pod: PodObject, context: AdmissionContext): Admission {
  if (isOptedOut(pod)) return { kind: 'ignored' };
  const request = readPodRequest(pod, context.vendors);
  if (!request.ok) return { kind: 'refused', sentence: sentenceOf(request.error) };
  if (!asksForDevices(request.value)) return withoutPlacement(pod);
  const bad = firstBadField(pod, request.value, context);
  if (bad !== null) return { kind: 'refused', sentence: sentenceOf(bad) };
  return admitted(pod, request.value, context);
}

function admitted(pod: PodObject, request: PodRequest, context: AdmissionContext): Admission {
  const warnings = [...placementWarning(pod), ...warningsFor(pod, request, context)];
  return { kind: 'admitted', pod: normalForm(strip(pod), request, context), warnings };
}

function isOptedOut(pod: PodObject): boolean {
  return IGNORE_LABELS.some((label) => pod.metadata.labels?.[label] === WEBHOOK_IGNORE);
}

/** A pod that asks for nothing is none of our business, but for a letter that is not its own to write. */
function withoutPlacement(pod: PodObject): Admission {
  if (pod.metadata.annotations?.[PLACEMENT] === undefined) return { kind: 'ignored' };
  return { kind: 'admitted', pod: strip(pod), warnings: placementWarning(pod) };
}

function placementWarning(pod: PodObject): readonly string[] {
  if (pod.metadata.annotations?.[PLACEMENT] === undefined) return [];
  return [`metadata.annotations["${PLACEMENT}"] is written by the scheduler alone: yours was taken out`];
}

function strip(pod: PodObject): PodObject {
  const { [PLACEMENT]: placement, ...annotations } = pod.metadata.annotations ?? {};
  return placement === undefined ? pod : { ...pod, metadata: { ...pod.metadata, annotations } };
}
