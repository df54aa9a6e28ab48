// SPDX-License-Identifier: Apache-2.0
// Where the monitors are, and what they say: by address, or through the API server.
import { request } from 'undici';
import { type NodeState, readState } from '../../observing/state.js';
import { isHttpUrl, Misused, reasonOf } from './io.js';
import type { Kube } from './kube.js';
import { ownPods } from './own-pods.js';
import type { Silent } from './usage-frame.js';

export interface Monitor {
  readonly node: string;
  /** The JSON text of /v1/usage. */
  ask(): Promise<string>;
}

export interface Looks {
  readonly nodes: readonly NodeState[];
  readonly silent: readonly Silent[];
}

const TIMEOUT_MS = 5_000;

/** `n1=http://127.0.0.1:9401`; the name may be left out. `from` is where the user wrote it. */
export function monitorAt(text: string, from: string): Monitor {
  const match = /^(?:([^=/]+)=)?(https?:\/\/.+)$/.exec(text);
  const base = match?.[2] ?? '';
  if (match === null || !isHttpUrl(base)) throw new Misused(`${from} is ${text}: want node=http://host:port`);
  const url = new URL('/v1/usage', base).href;
  return { node: match[1] ?? url, ask: () => askUrl(url) };
}

async function askUrl(url: string): Promise<string> {
  const answer = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${url} answers ${answer.statusCode}: ${text.trim()}`);
  return text;
}

export async function monitorsOf(kube: Kube): Promise<readonly Monitor[]> {
  const pods = await ownPods(kube, 'monitor');
  return pods.map(({ node, name, get }) => ({
    node,
    ask: async () => {
      const { status, text } = await get('/v1/usage');
      if (status !== 200) throw new Error(`pod ${name} answers ${status}: ${text.trim()}`);
      return text;
    },
  }));
}

/** Asks all at once; one that does not answer well is told with its reason. */
export async function askAll(monitors: readonly Monitor[]): Promise<Looks> {
  const nodes: NodeState[] = [];
  const silent: Silent[] = [];
  await Promise.all(
    monitors.map(async ({ node, ask }) => {
      try {
        const state = readState(await ask());
        if (state.ok) nodes.push(state.value);
        else silent.push({ node, why: state.error });
      } catch (fault) {
        silent.push({ node, why: reasonOf(fault) });
      }
    }),
  );
  return { nodes: nodes.sort((a, b) => a.node.localeCompare(b.node)), silent };
}
