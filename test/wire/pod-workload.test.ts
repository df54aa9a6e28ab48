// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { workloadOf } from '../../src/wire/pod-workload.js';

const owner = (kind: unknown, name: unknown, controller: unknown = true) => ({ kind, name, controller });
const HASH = { 'pod-template-hash': '7d9f8b' };

describe('who made a pod', () => {
  it.each([
    ['Deployment/web', { ownerReferences: [owner('ReplicaSet', 'web-7d9f8b')], labels: HASH }],
    ['ReplicaSet/web-7d9f8b', { ownerReferences: [owner('ReplicaSet', 'web-7d9f8b')] }],
    ['CronJob/nightly', { ownerReferences: [owner('Job', 'nightly-29345678')] }],
    ['Job/train', { ownerReferences: [owner('Job', 'train')] }],
    ['StatefulSet/db', { ownerReferences: [owner('Node', 'n1', false), owner('StatefulSet', 'db')] }],
    ['', { ownerReferences: [owner('Job', 7)] }],
    ['', { ownerReferences: 'x' }],
    ['', {}],
  ])('is told as "%s"', (expected, metadata) => expect(workloadOf(metadata)).toBe(expected));
});
