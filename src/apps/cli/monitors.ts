// SPDX-License-Identifier: Apache-2.0
// Where the monitors are, and what they say: by address, or through the API server.
import { Option } from 'commander';
import { request } from 'undici';
import { type NodeState, readState } from '../../observing/state.js';
import type { Result } from '../../core/result.js';
import { type Io, isHttpUrl, Misused, reasonOf } from './io.js';
import { type Kube, type KubeOptions, openKube } from './kube.js';
import { ownPods } from './own-pods.js';
import type { Silent } from './usage-frame.js';

export interface Monitor {
  readonly node: string;
  /** The text of one of its pages; rejects with why there is none. */
  ask(path: string): Promise<string>;
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
  return { node: match[1] ?? base, ask: (path) => askUrl(new URL(path, base).href) };
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
    ask: async (path) => {
      const { status, text } = await get(path);
      if (status !== 200) throw new Error(`pod ${name} answers ${status}: ${text.trim()}`);
      return text;
    },
  }));
}

export async function askAll(monitors: readonly Monitor[]): Promise<Looks> {
  const { answers, silent } = await askEach(monitors, '/v1/usage', readState);
  return { nodes: answers, silent };
}

export interface Answers<T> {
  /** By name of the node. */
  readonly answers: readonly T[];
  readonly silent: readonly Silent[];
}

/** Asks all at once; one that does not answer well is told with its reason. */
export async function askEach<T extends { readonly node: string }>(
  monitors: readonly Monitor[],
  path: string,
  read: (text: string) => Result<T, string>,
): Promise<Answers<T>> {
  const answers: T[] = [];
  const silent: Silent[] = [];
  await Promise.all(
    monitors.map(async ({ node, ask }) => {
      try {
        const answer = read(await ask(path));
        if (answer.ok) answers.push(answer.value);
        else silent.push({ node, why: answer.error });
      } catch (fault) {
        silent.push({ node, why: reasonOf(fault) });
      }
    }),
  );
  return { answers: answers.sort((a, b) => a.node.localeCompare(b.node)), silent };
}

export interface MonitorChoice extends KubeOptions {
  /** `node=url`, as --monitor gave them. */
  readonly monitor: readonly string[];
}

/** `--monitor`, for each command that asks monitors. */
export const monitorOption = (): Option =>
  new Option('--monitor <node=url>', 'a monitor to ask; may be repeated').argParser(collect).default([]);

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

/** Those named by flags, else by KERF_MONITORS, else all of the cluster. */
export async function chosenMonitors(options: MonitorChoice, env: Io['env']): Promise<readonly Monitor[]> {
  const isFlag = options.monitor.length > 0;
  const stated = isFlag ? options.monitor : (env.KERF_MONITORS ?? '').split(',');
  const addresses = stated.filter((address) => address !== '');
  if (addresses.length > 0)
    return addresses.map((text) => monitorAt(text, isFlag ? '--monitor' : 'KERF_MONITORS'));
  const monitors = await monitorsOf(openKube(options));
  if (monitors.length === 0)
    throw new Error('no monitor runs in this cluster: is Kerf installed? --monitor node=url names one');
  return monitors;
}

export const whyNobody = (silent: readonly Silent[]): string =>
  `no monitor answered: ${silent.map(({ node, why }) => `${node}: ${why}`).join('; ')}`;
