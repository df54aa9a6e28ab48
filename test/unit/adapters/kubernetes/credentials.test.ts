// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCredentials } from '../../../../src/adapters/kubernetes/credentials.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kerf-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

function load(user: object, server = 'https://192.0.2.10:6443/') {
  const file = join(dir, 'config');
  const base64 = Buffer.from(PEM).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'k', cluster: { server, 'certificate-authority-data': base64 } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return loadCredentials(file);
}

describe('credentials', () => {
  it('tell the server without a slash at its end, and trust its authority', async () => {
    const credentials = load({ token: 't' });
    expect(credentials.server).toBe('https://192.0.2.10:6443');
    expect(String((await credentials.read()).tls.ca)).toBe(PEM);
  });

  it('of a token are a header', async () => {
    expect((await load({ token: 't' }).read()).headers).toEqual({ Authorization: 'Bearer t' });
  });

  it('of a token file are read anew each time', async () => {
    const tokenFile = join(dir, 'token');
    writeFileSync(tokenFile, 'one\n');
    const credentials = load({ tokenFile });
    expect((await credentials.read()).headers).toEqual({ Authorization: 'Bearer one' });
    writeFileSync(tokenFile, 'two\n');
    expect((await credentials.read()).headers).toEqual({ Authorization: 'Bearer two' });
  });

  it('of a client certificate are TLS options', async () => {
    const data = Buffer.from(PEM).toString('base64');
    const { tls, headers } = await load({ 'client-certificate-data': data, 'client-key-data': data }).read();
    expect([String(tls.cert), String(tls.key)]).toEqual([PEM, PEM]);
    expect(headers).toEqual({});
  });
});
