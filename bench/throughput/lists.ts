// SPDX-License-Identifier: Apache-2.0
// Answers lists of nodes and of bound pods in pages, objects as large as an API server's; watches stay silent.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PLACEMENT, inventoryOf } from '../../src/wire/names.js';
import { deviceId, inventory, nodeName } from './stage.js';

const DEVICES = 8;
const REVISION = '1000';

export interface Lists {
  readonly url: string;
  close(): void;
}

export async function serveLists(nodes: number, pods: number): Promise<Lists> {
  const collections = new Map([
    ['/api/v1/nodes', { count: nodes, make: nodeOf }],
    ['/api/v1/pods', { count: pods, make: (index: number) => podOf(index, nodes) }],
  ]);
  const server = createServer((asked, response) => {
    const { pathname, searchParams } = new URL(asked.url ?? '', 'http://lists');
    const collection = collections.get(pathname) ?? NOTHING;
    if (searchParams.has('watch')) response.writeHead(200).flushHeaders();
    else sendPage(response, collection, searchParams);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Whatever else is watched (the policy document) is not there. */
const NOTHING = { count: 0, make: () => ({}) };

interface Collection {
  readonly count: number;
  readonly make: (index: number) => object;
}

/** `continue` is the index to go on from. */
function sendPage(response: ServerResponse, { count, make }: Collection, query: URLSearchParams): void {
  const from = Number(query.get('continue') ?? 0);
  const to = Math.min(count, from + Number(query.get('limit') ?? count));
  const items = Array.from({ length: to - from }, (_, at) => make(from + at));
  const metadata = { resourceVersion: REVISION, ...(to < count ? { continue: String(to) } : {}) };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata, items }));
}

const AT = '2026-11-21T12:00:00Z';
const uidOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;

function nodeOf(index: number): object {
  const name = nodeName(index);
  const room = { cpu: '64', memory: '256Gi', pods: '600', 'nvidia.com/gpu': '80' };
  const conditions = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
    ...{ type, status: type === 'Ready' ? 'True' : 'False', lastHeartbeatTime: AT, lastTransitionTime: AT },
    ...{ reason: 'KubeletIsFine', message: 'kubelet is posting ready status and has sufficient memory' },
  }));
  const images = Array.from({ length: 20 }, (_, at) => ({
    names: [
      `registry.example/team/image-${at}@sha256:${'0'.repeat(64)}`,
      `registry.example/team/image-${at}:v1`,
    ],
    sizeBytes: 123_456_789,
  }));
  return {
    metadata: {
      ...{ name, uid: uidOf(index), resourceVersion: REVISION, creationTimestamp: AT },
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
      annotations: { [inventoryOf('nvidia')]: inventory(index) },
      managedFields: managedFields(10),
    },
    spec: { podCIDR: '10.244.0.0/24', providerID: `machine:///${name}` },
    status: { capacity: room, allocatable: room, conditions, images },
  };
}

/** A running pod with one slice: the index-th device of the cluster has it. */
function podOf(index: number, nodes: number): object {
  const node = index % nodes;
  const device = deviceId(node, Math.floor(index / nodes) % DEVICES);
  const slices = [{ device, memoryMiB: 4096, corePercent: 10 }];
  const limits = { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '4096', 'nvidia.com/gpu-cores': '10' };
  const name = `pod-${index}`;
  const volumeMounts = [
    { name: 'token', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
  ];
  const token = { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } };
  return {
    metadata: {
      ...{ name, namespace: 'team', uid: uidOf(index), resourceVersion: REVISION, creationTimestamp: AT },
      labels: { app: 'training', 'pod-template-hash': '6d4cf56db6' },
      annotations: { [PLACEMENT]: JSON.stringify({ v: 1, containers: [{ name: 'main', slices }] }) },
      managedFields: managedFields(4),
    },
    spec: {
      ...{ nodeName: nodeName(node), schedulerName: 'kerf-scheduler', restartPolicy: 'Always' },
      containers: [
        { name: 'main', image: 'registry.example/team/image:v1', resources: { limits }, volumeMounts },
      ],
      volumes: [{ name: 'token', projected: { sources: [token] } }],
    },
    status: {
      ...{ phase: 'Running', hostIP: '192.0.2.1', podIP: '10.244.0.9', startTime: AT },
      containerStatuses: [
        { name: 'main', ready: true, restartCount: 0, state: { running: { startedAt: AT } } },
      ],
    },
  };
}

/** Nobody reads them, and they are half of what a real list weighs. */
function managedFields(fields: number): readonly object[] {
  const owned = Object.fromEntries(
    Array.from({ length: fields }, (_, at) => [`f:field-${at}`, { 'f:name': {}, 'f:value': {} }]),
  );
  return [
    { manager: 'kubelet', operation: 'Update', apiVersion: 'v1', time: AT, fieldsV1: { 'f:status': owned } },
  ];
}
