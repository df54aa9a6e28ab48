// SPDX-License-Identifier: Apache-2.0
// The command's way to the API server: the user's kubeconfig, raw JSON, whole lists in pages.
import { KubeConfig } from '@kubernetes/client-node';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.js';
import { credentialsOf } from '../../adapters/kubernetes/credentials.js';
import { Misused, reasonOf } from './io.js';

export interface KubeOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

export interface Kube {
  readonly config: KubeConfig;
  readonly client: KubeClient;
  /** The stated namespace, else the context's, else default. */
  readonly namespace: string;
}

const PAGE = '500';

export function openKube(options: KubeOptions): Kube {
  const config = loadConfig(options.kubeconfig);
  if (options.context !== undefined) choose(config, options.context);
  const context = config.getContextObject(config.getCurrentContext());
  return {
    config,
    client: createKubeClient({ credentials: credentialsOf(config), agent: 'kerf-cli', connections: 4 }),
    namespace: options.namespace ?? context?.namespace ?? 'default',
  };
}

function loadConfig(stated: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (stated === undefined) config.loadFromDefault();
    else config.loadFromFile(stated);
  } catch (fault) {
    throw new Error(`${sourceOf(stated)}: ${whyUnread(fault)}`, { cause: fault });
  }
  return config;
}

function sourceOf(stated: string | undefined): string {
  if (stated !== undefined) return `--kubeconfig is ${stated}`;
  const listed = process.env.KUBECONFIG ?? '';
  return listed === '' ? 'the kubeconfig is ~/.kube/config' : `KUBECONFIG is ${listed}`;
}

const READING: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder, not a file',
};

/** YAML faults show the place over several lines: the first one says what is wrong. */
function whyUnread(fault: unknown): string {
  const known = READING[(fault as NodeJS.ErrnoException).code ?? ''];
  return known ?? `it is no kubeconfig: ${reasonOf(fault).split('\n')[0]}`;
}

function choose(config: KubeConfig, context: string): void {
  const names = config.getContexts().map(({ name }) => name);
  if (!names.includes(context))
    throw new Misused(`--context is ${context}: the kubeconfig has ${names.join(', ') || 'none'}`);
  config.setCurrentContext(context);
}

/** All objects of a list, page by page. */
export async function listAll<T>(client: KubeClient, path: string, selector = ''): Promise<readonly T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const query = {
      limit: PAGE,
      ...(selector === '' ? {} : { labelSelector: selector }),
      ...(next === undefined ? {} : { continue: next }),
    };
    const list = JSON.parse(await client.send({ method: 'GET', path, query })) as {
      readonly items: readonly T[];
      readonly metadata: { readonly continue?: string };
    };
    items.push(...list.items);
    next = list.metadata.continue === '' ? undefined : list.metadata.continue;
  } while (next !== undefined);
  return items;
}
