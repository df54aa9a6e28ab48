// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import type { Identity } from './certs.js';

export type Credential = { readonly identity: Identity } | { readonly token: string };

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function userOf(credential: Credential): Record<string, string> {
  if ('token' in credential) return { token: credential.token };
  return {
    'client-certificate-data': base64(credential.identity.certPem),
    'client-key-data': base64(credential.identity.keyPem),
  };
}

/** A kubeconfig with everything inside it; JSON is YAML. */
export function kubeconfig(server: string, caPem: string, credential: Credential): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'kerf', cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name: 'kerf', user: userOf(credential) }],
    contexts: [{ name: 'kerf', context: { cluster: 'kerf', user: 'kerf' } }],
    'current-context': 'kerf',
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

export function writeKubeconfig(file: string, text: string): string {
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}
