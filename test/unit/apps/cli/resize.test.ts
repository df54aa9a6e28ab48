// SPDX-License-Identifier: Apache-2.0
// `kerf resize` of pods against an API server of one pod; slices of this machine are tried in test/native/run.test.ts.
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../../../src/apps/cli/program.js';
import { encodePlacement } from '../../../../src/wire/placement.js';
import { aPlacement } from '../../../builders/core.js';
import { folders } from '../../../fakes/folder.js';

const newFolder = folders();
const LIMITS = { 'nvidia.com/gpu': '1', 'nvidia.com/gpu-mem': '4096' };

interface Answer {
  readonly status: 'True' | 'False';
  readonly message: string;
}

let server: Server;
let folder: string;
let annotations: Record<string, string>;
let conditions: object[];
/** The scheduler's, to the next request; null: it is silent. */
let answer: Answer | null;
let asked: unknown;

const podNow = () => ({
  metadata: { name: 'p', namespace: 'team', uid: 'u', resourceVersion: '1', annotations },
  spec: { containers: ['a', 'b'].map((name) => ({ name, resources: { limits: LIMITS } })) },
  status: { phase: 'Running', conditions },
});

function take(body: string): void {
  const patch = JSON.parse(body) as { metadata: { annotations: Record<string, string> } };
  annotations = { ...annotations, ...patch.metadata.annotations };
  const text = annotations['kerf.dev/resize'] ?? '';
  asked = JSON.parse(text);
  if (answer === null) return;
  annotations = { ...annotations, 'kerf.dev/resized': text };
  conditions = [{ type: 'kerf.dev/Resized', reason: 'R', ...answer }];
}

beforeEach(async () => {
  folder = newFolder();
  annotations = {
    'kerf.dev/placement': encodePlacement(aPlacement({ a: [['GPU-0', 4096]], b: [['GPU-0', 4096]] })),
  };
  conditions = [];
  answer = { status: 'True', message: 'container a has 8192 MiB' };
  asked = undefined;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isPod = request.url === '/api/v1/namespaces/team/pods/p';
      if (isPod && request.method === 'PATCH') take(Buffer.concat(chunks).toString());
      response.writeHead(isPod ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isPod ? podNow() : { kind: 'Status', reason: 'NotFound', message: 'x' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [
      { name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
    users: [{ name: 'u', user: {} }],
  };
  writeFileSync(join(folder, 'config'), JSON.stringify(config));
});

afterEach(() => void server.close());

async function kerf(...args: readonly string[]) {
  const lines: { out: string[]; err: string[] } = { out: [], err: [] };
  const code = await runCli(['--kubeconfig', join(folder, 'config'), 'resize', ...args], {
    out: (text) => void lines.out.push(text),
    err: (text) => void lines.err.push(text),
    ...{ isTty: false, hasColour: false, env: { KERF_RUN_DIR: folder }, stop: new AbortController().signal },
  });
  return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
}

describe('kerf resize of a pod', () => {
  it('asks in the words of the resources, and says what the scheduler answered', async () => {
    const said = await kerf('p', '-c', 'a', '--gpu-mem', '8Gi', '--gpu-cores', '40');
    expect(said).toEqual({ code: 0, out: 'team/p: container a has 8192 MiB', err: '' });
    const limits = { 'nvidia.com/gpu-mem': '8192', 'nvidia.com/gpu-cores': '40' };
    expect(asked).toMatchObject({ v: 1, containers: [{ name: 'a', resources: { limits } }] });
  });

  it('asks for a share as a percentage', async () => {
    await kerf('pod/p', '-c', 'b', '--gpu-mem', '25%');
    const limits = { 'nvidia.com/gpu-mem-percentage': '25' };
    expect(asked).toMatchObject({ containers: [{ name: 'b', resources: { limits } }] });
  });

  it('takes a name that no slice here has for a pod’s', async () => {
    expect(await kerf('p', '--gpu-mem', '1Gi')).toMatchObject({
      code: 2,
      err: 'kerf: --container is missing: want one of a, b',
    });
  });

  it('ends with 1 and the reason where it is refused, as JSON too', async () => {
    answer = { status: 'False', message: 'memory short' };
    expect(await kerf('p', '-c', 'a', '--gpu-mem', '9Gi')).toMatchObject({
      code: 1,
      err: 'kerf: memory short',
    });
    const { code, out } = await kerf('p', '-c', 'a', '--gpu-mem', '9Gi', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([
      1,
      { pod: 'team/p', resized: false, message: 'memory short' },
    ]);
  });

  it('waits no longer than it is told, or not at all', async () => {
    answer = null;
    const late = await kerf('p', '-c', 'a', '--gpu-mem', '1Gi', '--timeout', '0.2');
    expect(late).toMatchObject({ code: 3, err: expect.stringContaining('has not answered within 0.2 s') });
    expect((await kerf('p', '-c', 'a', '--gpu-mem', '1Gi', '--no-wait')).code).toBe(0);
  });

  it.each([
    [['none', '-c', 'a', '--gpu-mem', '1Gi'], 1, 'there is no pod team/none'],
    [['none', '--gpu-mem', '1Gi'], 1, 'no slice none runs on this machine, nor any other; and of pods'],
    [['p', '-c', 'x', '--gpu-mem', '1Gi'], 1, 'container x of pod team/p holds no slice: want one of a, b'],
    [['p', '-c', 'a', '--gpu-mem', 'much'], 2, '--gpu-mem is much: want MiB'],
    [['p', '-c', 'a', '--gpu-mem', '1Gi', '--soft'], 2, '--soft and --no-soft are of slices of this machine'],
    [['p', '-c', 'a'], 2, 'nothing to change'],
    [['p', '-c', 'a', '--gpu-mem', '1Gi', '--timeout', 'x'], 2, 'want seconds'],
  ])('%j is refused', async (args, code, sentence) => {
    const said = await kerf(...args);
    expect(said).toMatchObject({ code, err: expect.stringContaining(sentence) });
    expect(asked).toBeUndefined();
  });
});
