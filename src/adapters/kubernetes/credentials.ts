// SPDX-License-Identifier: Apache-2.0
// Who we are to the API server, from a kubeconfig, a service account or the environment.
// Tokens on disk are rotated by the kubelet: everything is read again after a minute.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';

export interface Credentials {
  /** e.g. https://10.96.0.1:443, without a slash at the end. */
  readonly server: string;
  /** TLS options and Authorization header as of now. */
  read(): Promise<{ readonly tls: ConnectionOptions; readonly headers: Readonly<Record<string, string>> }>;
}

/** The stated file, else KUBECONFIG, else ~/.kube/config, else the pod's service account. */
export function loadCredentials(kubeconfig?: string): Credentials {
  const config = new KubeConfig();
  const file = kubeconfig || process.env.KUBECONFIG;
  if (kubeconfig) config.loadFromFile(kubeconfig);
  else config.loadFromDefault();
  return credentialsOf(config, file === undefined ? undefined : tokenFileOf(file, config));
}

/** What client-node 2.0.1 makes up where it finds neither a kubeconfig nor a service account. */
const NOBODY = 'http://localhost:8080';

/** `tokenFile` is read anew on every read. */
export function credentialsOf(config: KubeConfig, tokenFile?: string): Credentials {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no current cluster');
  if (cluster.server === NOBODY)
    throw new Error('no kubeconfig was found: set KUBECONFIG or pass --kubeconfig');
  return {
    server: cluster.server.replace(/\/+$/, ''),
    async read() {
      const options: Options = { headers: {} };
      await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
      return { tls: tlsOf(options), headers: { ...options.headers, ...authorizationOf(options, tokenFile) } };
    },
  };
}

type Options = ConnectionOptions & { headers: Record<string, string>; auth?: string };

/** client-node 2.0.1 drops the user's `tokenFile` while loading. */
function tokenFileOf(file: string, config: KubeConfig): string | undefined {
  if (!existsSync(file)) return undefined; // KUBECONFIG may be a list of files
  const name = config.getCurrentUser()?.name;
  const { users } = parse(readFileSync(file, 'utf8')) as {
    users?: { name?: string; user?: { tokenFile?: string } }[];
  };
  const found = users?.find((each) => each.name === name)?.user?.tokenFile;
  return found === undefined ? undefined : resolve(dirname(file), found);
}

function tlsOf(options: ConnectionOptions): ConnectionOptions {
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
  const all = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null));
}

/** What client-node leaves to its own agent (basic auth), or does not know (a token file). */
function authorizationOf({ headers, auth }: Options, tokenFile: string | undefined): Record<string, string> {
  if (headers.Authorization !== undefined) return {};
  if (tokenFile !== undefined) return { Authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
  return auth === undefined ? {} : { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
}
