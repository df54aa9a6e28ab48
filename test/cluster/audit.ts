// SPDX-License-Identifier: Apache-2.0
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** One answered request of the API server. */
export interface AuditEntry {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  readonly stage: string;
  readonly userAgent: string;
  /** When the request came, RFC 3339 with microseconds. */
  readonly at: string;
}

export type AuditFilter = Partial<Omit<AuditEntry, 'at'>> & {
  /** Only requests that came at or after this instant. */
  readonly since?: Date;
  readonly writesOnly?: boolean;
};

interface RawEntry {
  readonly stage: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly user?: { readonly username?: string };
  readonly objectRef?: Partial<Record<'resource' | 'subresource' | 'namespace' | 'name', string>>;
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

export const isWrite = (entry: AuditEntry): boolean => WRITES.has(entry.verb);

function parse(line: string): RawEntry | undefined {
  try {
    return JSON.parse(line) as RawEntry;
  } catch {
    return undefined; // the last line may still be on its way
  }
}

const NOWHERE = { resource: '', subresource: '', namespace: '', name: '' };

function entryOf(raw: RawEntry): AuditEntry {
  const { resource, subresource, namespace, name } = { ...NOWHERE, ...raw.objectRef };
  return {
    ...{ resource, subresource, namespace, name },
    user: raw.user?.username ?? '',
    verb: raw.verb,
    code: raw.responseStatus?.code ?? 0,
    stage: raw.stage,
    userAgent: raw.userAgent ?? '',
    at: raw.requestReceivedTimestamp,
  };
}

export function matches(entry: AuditEntry, filter: AuditFilter): boolean {
  const { since, writesOnly, ...equal } = filter;
  if (since && new Date(entry.at) < since) return false;
  if (writesOnly && !isWrite(entry)) return false;
  return Object.entries(equal).every(([key, value]) => entry[key as keyof AuditEntry] === value);
}

/** Reads the audit log in order; a watch has two entries (stages ResponseStarted and ResponseComplete). */
export async function readAudit(
  cluster: { readonly auditLog: string },
  filter: AuditFilter = {},
): Promise<AuditEntry[]> {
  const file = cluster.auditLog;
  if (!existsSync(file)) return [];
  const entries: AuditEntry[] = [];
  for await (const line of createInterface({
    input: createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    const raw = parse(line);
    const entry = raw && entryOf(raw);
    if (entry && matches(entry, filter)) entries.push(entry);
  }
  return entries;
}

/** user → number of writes that reached the API server, refused ones included. */
export function writesByUser(entries: readonly AuditEntry[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of entries.filter(isWrite)) counts.set(entry.user, (counts.get(entry.user) ?? 0) + 1);
  return counts;
}
