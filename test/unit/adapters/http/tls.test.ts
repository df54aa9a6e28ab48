// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TlsServer, tlsServer } from '../../../../src/adapters/http/tls.js';
import { createAuthority, type Identity, issue } from '../../../cluster/certs.js';

const NEVER = 2 ** 30;
let folder: string;
let files: { readonly certFile: string; readonly keyFile: string };
let first: Identity;
let second: Identity;
let serving: TlsServer;
let reloads = 0;

function lay({ certPem, keyPem }: Identity): void {
  writeFileSync(files.certFile, certPem);
  writeFileSync(files.keyFile, keyPem);
}

/** Common name of the certificate that a new connection is shown. */
function shownName(): Promise<string> {
  const { port } = serving.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kerf-tls-'));
  files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const authority = await createAuthority(join(folder, 'pki'));
  [first, second] = await Promise.all([
    issue(authority, { name: 'first', ips: ['127.0.0.1'] }),
    issue(authority, { name: 'second', ips: ['127.0.0.1'] }),
  ]);
  lay(first);
  serving = tlsServer((_request, response) => response.end('ok'), {
    ...files,
    everyMs: NEVER,
    onReload: () => {
      reloads += 1;
    },
  });
  await new Promise<void>((resolve) => serving.server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  serving.stop();
  await new Promise((resolve) => serving.server.close(resolve));
  rmSync(folder, { recursive: true });
});

describe('a server whose certificate is renewed', () => {
  it('shows the first one first', async () => {
    expect(await shownName()).toBe('first');
  });

  it('changes nothing while the files stay', () => {
    expect([serving.reload(), reloads]).toEqual([false, 0]);
  });

  it('keeps the good pair while the files are half written', async () => {
    writeFileSync(files.certFile, second.certPem);
    expect(() => serving.reload()).toThrow();
    expect(await shownName()).toBe('first');
  });

  it('shows the new one to new connections', async () => {
    lay(second);
    expect([serving.reload(), reloads]).toEqual([true, 1]);
    expect(await shownName()).toBe('second');
  });

  it('does not start with files that are not there', () => {
    expect(() => tlsServer(() => undefined, { certFile: '/none', keyFile: '/none', everyMs: NEVER })).toThrow(
      '/none',
    );
  });
});
