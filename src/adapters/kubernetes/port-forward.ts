// SPDX-License-Identifier: Apache-2.0
// GET from a program that listens on its pod's loopback only, through the API server: whoever may create
// pods/portforward there may ask, nobody else. It also reaches the node's loopback of a pod on the node's network.
import { type IncomingMessage, request } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type KubeConfig, PortForward } from '@kubernetes/client-node';

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

export interface PodAnswer {
  readonly status: number;
  readonly text: string;
}

const TIMEOUT_MS = 10_000;

export async function getFromPod(config: KubeConfig, at: PodPort, path: string): Promise<PodAnswer> {
  const tunnel = await openTunnel(config, at);
  try {
    const answer = await ask(tunnel, path);
    return { status: answer.statusCode ?? 0, text: await text(answer) };
  } finally {
    tunnel.destroy();
  }
}

/** One connection to the port. What goes wrong at the far end destroys it with the kubelet's own words. */
async function openTunnel(config: KubeConfig, { namespace, pod, port }: PodPort): Promise<Duplex> {
  const [sent, received, faults] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const tunnel = Duplex.from({ readable: received, writable: sent });
  faults.on('data', (words: Buffer) => tunnel.destroy(new Error(words.toString().trim())));
  const forward = new PortForward(config);
  const socket = await forward.portForward(namespace, pod, [port], received, faults, sent);
  if (typeof socket === 'function') throw new Error('bug: a forward without retries has a socket');
  socket.onclose = () => received.end();
  tunnel.once('close', () => socket.close());
  return tunnel;
}

function ask(tunnel: Duplex, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const headers = { host: 'localhost', connection: 'close' };
    request({ path, headers, signal, createConnection: () => tunnel }, resolve)
      .on('error', reject)
      .end();
  });
}
