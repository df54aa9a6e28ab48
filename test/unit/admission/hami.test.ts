// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { admit } from '../../../src/admission/admit.js';
import { nodePolicy } from '../../../src/core/policies.js';
import { ANY_DEVICE } from '../../../src/core/request.js';
import { VENDORS } from '../../../src/vendors/index.js';
import { readPodRequest } from '../../../src/wire/pod.js';
import { admissionContext } from '../../builders/admission.js';
import { HAMI_DIR, HAMI_ROWS, podOfHami } from '../../builders/hami.js';

describe('a manifest written for HAMi', () => {
  it.each(Object.entries(HAMI_ROWS))('%s asks for what it asked HAMi for', (name, row) => {
    const answer = admit(podOfHami(name), admissionContext());
    if (answer.kind !== 'admitted') throw new Error(JSON.stringify(answer));
    expect(answer.warnings).toEqual([]);
    expect(answer.pod.spec.schedulerName).toBe('kerf-scheduler');
    expect(readPodRequest(answer.pod, VENDORS)).toEqual({
      ok: true,
      value: {
        containers: [{ name: 'main', kind: 'app', slices: [{ vendor: 'nvidia', ...row.slice }] }],
        choice: { ...ANY_DEVICE, ...row.choice },
        nodePolicy: row.nodePolicy === undefined ? null : nodePolicy(row.nodePolicy),
        devicePolicy: row.devicePolicy ?? null,
        numa: row.numa ?? null,
        cpuMilli: 0,
      },
    });
  });

  it.each(Object.keys(HAMI_ROWS))('%s has none of its names left', (name) => {
    const answer = admit(podOfHami(name), admissionContext());
    expect(JSON.stringify(answer)).not.toMatch(/nvidia\.com\/(gpumem|gpucores|use-|nouse-|numa-bind)|hami/);
  });

  it('has a row for every file', () => {
    const files = readdirSync(HAMI_DIR).map((file) => file.replace(/\.yaml$/, ''));
    expect(files.toSorted()).toEqual(Object.keys(HAMI_ROWS).toSorted());
  });
});
