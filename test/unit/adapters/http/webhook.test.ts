// SPDX-License-Identifier: Apache-2.0
import type { AddressInfo } from 'node:net';
import express from 'express';
import { applyPatch } from 'rfc6902';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Server } from 'node:http';
import { webhookRoutes } from '../../../../src/adapters/http/webhook.js';
import { admit } from '../../../../src/admission/admit.js';
import type { PodObject } from '../../../../src/wire/admission.js';
import { admissionContext, amounts, askingContainer, podAsking } from '../../../builders/admission.js';

interface Reply {
  readonly status: number;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly message: string };
    readonly patchType?: string;
    readonly patch?: string;
    readonly warnings?: readonly string[];
  };
}

let server: Server;
let url: string;
const answers: string[] = [];
const faults: unknown[] = [];
let isBroken = false;

beforeAll(async () => {
  const judge = (pod: PodObject) => {
    if (isBroken) throw new Error('bug');
    return admit(pod, admissionContext());
  };
  const routes = webhookRoutes({
    admit: judge,
    onAnswer: (kind) => answers.push(kind),
    onFault: (fault) => faults.push(fault),
  });
  server = express().use(routes).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function post(body: string): Promise<Reply> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/mutate`, { method: 'POST', headers, body });
  const review = (await answer.json()) as { apiVersion: string; kind: string } & Omit<Reply, 'status'>;
  expect([review.apiVersion, review.kind]).toEqual(['admission.k8s.io/v1', 'AdmissionReview']);
  return { status: answer.status, response: review.response };
}

const reviewOf = (object: unknown, more: Record<string, unknown> = {}): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      object,
      ...more,
    },
  });

describe('the webhook', () => {
  it('answers a good pod with the patch that makes the normal form', async () => {
    const pod = podAsking([askingContainer({ gpumem: '4Gi' })], {
      annotations: { 'nvidia.com/use-gputype': 'A' },
    });
    const { status, response } = await post(reviewOf(pod));
    expect([status, response.uid, response.allowed, response.patchType]).toEqual([
      200,
      'u1',
      true,
      'JSONPatch',
    ]);
    const patched = structuredClone(pod);
    applyPatch(patched, JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()) as never);
    const answer = admit(pod, admissionContext());
    expect(patched).toEqual(answer.kind === 'admitted' && answer.pod);
  });

  it('answers a pod in normal form without a patch', async () => {
    const pod = podAsking([askingContainer({ gpu: 1 })], { spec: { schedulerName: 'kerf-scheduler' } });
    expect((await post(reviewOf(pod))).response).toEqual({ uid: 'u1', allowed: true });
  });

  it('makes what is missing on the way of a patch', async () => {
    const bare = { spec: { containers: [{ name: 'a', resources: { limits: amounts({ gpumem: 1 }) } }] } };
    const { response } = await post(reviewOf(bare));
    const patched = { metadata: {}, ...structuredClone(bare) };
    const results = applyPatch(
      patched,
      JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()) as never,
    );
    expect(results.filter((result) => result !== null)).toEqual([]);
  });

  it('answers no with 200 and the sentence', async () => {
    const { status, response } = await post(reviewOf(podAsking([askingContainer({ gpu: -1 })])));
    expect([status, response.allowed, response.status?.code]).toEqual([200, false, 403]);
    expect(response.status?.message).toContain('is "-1"');
  });

  it('passes warnings on', async () => {
    const { response } = await post(reviewOf(podAsking([askingContainer({ gpu: 1, gpumem: 0 })])));
    expect(response.warnings).toHaveLength(1);
  });

  it.each([
    ['a pod without devices', reviewOf(podAsking([{ name: 'a' }]))],
    ['an update', reviewOf(podAsking([askingContainer({ gpu: -1 })]), { operation: 'UPDATE' })],
    ['another kind', reviewOf({ spec: {} }, { kind: { kind: 'Binding' } })],
  ])('lets %s pass', async (_name, body) => {
    expect((await post(body)).response).toEqual({ uid: 'u1', allowed: true });
  });

  it.each([
    ['no JSON', '{', 'cannot be read'],
    ['no review', '{}', 'no AdmissionReview'],
    ['an old review', reviewOf({}).replace('io/v1"', 'io/v1beta1"'), 'want admission.k8s.io/v1'],
    ['no object', reviewOf(null), 'request.object is no pod'],
    ['a pod without containers', reviewOf({ spec: {} }), 'spec.containers of the pod cannot be read'],
    [
      'an amount that is a list',
      reviewOf({ spec: { containers: [{ name: 'a', resources: { limits: { x: [] } } }] } }),
      'cannot be read',
    ],
    [
      'annotations that are no texts',
      reviewOf({ metadata: { annotations: { a: 1 } }, spec: { containers: [{ name: 'a' }] } }),
      'not all texts',
    ],
    [
      'a body too large',
      reviewOf({ spec: { containers: [{ name: 'x'.repeat(9 << 20) }] } }),
      'cannot be read',
    ],
  ])('refuses %s, never with a 500', async (_name, body, sentence) => {
    const { status, response } = await post(body);
    expect([status, response.allowed]).toEqual([200, false]);
    expect(response.status?.message).toContain(sentence);
  });

  it('refuses, and reports, where it is wrong itself', async () => {
    isBroken = true;
    const { status, response } = await post(reviewOf(podAsking([askingContainer({ gpu: 1 })])));
    isBroken = false;
    expect([status, response.allowed, faults.length]).toEqual([200, false, 1]);
  });

  it('counts its answers', () => {
    expect(new Set(answers)).toEqual(new Set(['admitted', 'refused', 'ignored', 'unreadable', 'failed']));
  });

  it('answers probes', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await fetch(url + path)).status).toBe(200);
  });
});
