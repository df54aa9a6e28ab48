// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answerTo } from '../../src/adapters/http/webhook.js';
import { admit } from '../../src/admission/admit.js';
import { encodeAnswer, readReview } from '../../src/wire/admission.js';
import { admissionContext } from '../builders/admission.js';

const question = JSON.parse(
  readFileSync(new URL('./golden/admission-v1-question.json', import.meta.url), 'utf8'),
) as Record<string, unknown>;

describe('a question of the API server', () => {
  it('is read with its uid, and its pod as it stands', () => {
    const { uid, object } = question.request as { uid: string; object: object };
    expect(readReview(question)).toEqual({ ok: true, value: { uid, pod: object } });
  });

  it('is answered with this review and this patch', () => {
    const answer = encodeAnswer(answerTo(question, { admit: (pod) => admit(pod, admissionContext()) }));
    const { response, ...envelope } = answer as { response: { patch: string } };
    expect(envelope).toEqual({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' });
    const { patch, ...rest } = response;
    expect(rest).toEqual({
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      allowed: true,
      patchType: 'JSONPatch',
    });
    expect(JSON.parse(Buffer.from(patch, 'base64').toString())).toEqual([
      { op: 'remove', path: '/metadata/annotations/nvidia.com~1use-gputype' },
      { op: 'add', path: '/metadata/annotations/kerf.dev~1device-type', value: 'A100' },
      { op: 'remove', path: '/spec/containers/0/resources/limits/nvidia.com~1gpumem' },
      { op: 'add', path: '/spec/containers/0/resources/limits/nvidia.com~1gpu', value: '1' },
      { op: 'add', path: '/spec/containers/0/resources/limits/nvidia.com~1gpu-mem', value: '3000' },
      { op: 'remove', path: '/spec/containers/0/resources/requests/nvidia.com~1gpumem' },
      { op: 'add', path: '/spec/containers/0/resources/requests/nvidia.com~1gpu', value: '1' },
      { op: 'add', path: '/spec/containers/0/resources/requests/nvidia.com~1gpu-mem', value: '3000' },
      { op: 'replace', path: '/spec/schedulerName', value: 'kerf-scheduler' },
    ]);
  });

  it('may be about other things, or unreadable', () => {
    const request = { ...(question.request as object), operation: 'DELETE' };
    expect(readReview({ ...question, request })).toMatchObject({ ok: true, value: { pod: null } });
    for (const body of [null, undefined, 'x', [], {}, { kind: 'AdmissionReview', request: {} }])
      expect(readReview(body).ok).toBe(false);
  });
});

describe('an answer', () => {
  it('of no carries the sentence', () => {
    expect(encodeAnswer({ uid: 'u', allowed: false, sentence: 'no' })).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'u', allowed: false, status: { code: 403, reason: 'Forbidden', message: 'no' } },
    });
  });
});
