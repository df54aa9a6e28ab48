// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEAR_MS = 365 * 24 * 3600 * 1000;

type Keys = Awaited<ReturnType<typeof newKeys>>;

export interface Authority {
  readonly certPem: string;
  readonly cert: x509.X509Certificate;
  readonly key: Keys['privateKey'];
}

export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Subject {
  readonly name: string;
  readonly groups?: readonly string[];
  /** Present for servers: what clients may call them. */
  readonly ips?: readonly string[];
  readonly dns?: readonly string[];
}

function newKeys() {
  return webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
}

const pem = (label: string, bytes: ArrayBuffer): string => x509.PemConverter.encode(bytes, label);

async function privatePem(keys: Keys): Promise<string> {
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
}

const validity = (): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - 3600_000), // clocks of a test machine may jump
  notAfter: new Date(Date.now() + YEAR_MS),
});

async function newAuthority(): Promise<{ authority: Authority; keyPem: string }> {
  const keys = await newKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['kerf-test-ca'] }],
    ...validity(),
    signingAlgorithm: EC,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const authority = { cert, certPem: cert.toString('pem'), key: keys.privateKey };
  return { authority, keyPem: await privatePem(keys) };
}

/** One certificate for both ends of TLS, signed by the cluster's authority. */
export async function issue(authority: Authority, subject: Subject): Promise<Identity> {
  const keys = await newKeys();
  const names = [
    ...(subject.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(subject.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const usages = [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth];
  const cert = await x509.X509CertificateGenerator.create({
    subject: [...(subject.groups ?? []).map((group) => ({ O: [group] })), { CN: [subject.name] }],
    issuer: authority.cert.subjectName,
    ...validity(),
    signingAlgorithm: EC,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certPem: cert.toString('pem'), keyPem: await privatePem(keys) };
}

export function writeIdentity(dir: string, name: string, identity: Identity): void {
  writeFileSync(join(dir, `${name}.crt`), identity.certPem);
  writeFileSync(join(dir, `${name}.key`), identity.keyPem, { mode: 0o600 });
}

export function readIdentity(dir: string, name: string): Identity {
  return {
    certPem: readFileSync(join(dir, `${name}.crt`), 'utf8'),
    keyPem: readFileSync(join(dir, `${name}.key`), 'utf8'),
  };
}

/** Makes ca.crt, ca.key, and sa.key, sa.pub that sign and prove service account tokens. */
export async function createAuthority(dir: string): Promise<Authority> {
  mkdirSync(dir, { recursive: true });
  const { authority, keyPem } = await newAuthority();
  writeIdentity(dir, 'ca', { certPem: authority.certPem, keyPem });
  const tokens = await newKeys();
  writeFileSync(join(dir, 'sa.key'), await privatePem(tokens), { mode: 0o600 });
  const spki = await webcrypto.subtle.exportKey('spki', tokens.publicKey);
  writeFileSync(join(dir, 'sa.pub'), pem('PUBLIC KEY', spki));
  return authority;
}

export async function readAuthority(dir: string): Promise<Authority> {
  const { certPem, keyPem } = readIdentity(dir, 'ca');
  const bytes = x509.PemConverter.decode(keyPem)[0] as ArrayBuffer;
  const key = await webcrypto.subtle.importKey('pkcs8', bytes, EC, false, ['sign']);
  return { cert: new x509.X509Certificate(certPem), certPem, key };
}
