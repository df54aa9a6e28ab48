// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { admit } from '../../../src/admission/admit.js';
import { admissionContext } from '../../builders/admission.js';
import { WRONG_PODS } from '../../builders/wrong-pods.js';

describe('a wrong request', () => {
  it.each(WRONG_PODS)('%s is refused with a sentence that helps', (_name, pod, sentence) => {
    const answer = admit(pod, admissionContext());
    expect(answer.kind === 'refused' ? answer.sentence : answer.kind).toContain(sentence);
  });

  it.each(WRONG_PODS)('%s is told in one line', (_name, pod) => {
    const answer = admit(pod, admissionContext());
    expect(answer.kind === 'refused' && answer.sentence).toMatch(/^\S[^\n]{20,400}$/);
  });
});
