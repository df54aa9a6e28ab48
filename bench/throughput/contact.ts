// SPDX-License-Identifier: Apache-2.0
// What our scheduler asked the API server from its start until it was ready, by the server's audit log.
import { type AuditEntry, readAudit, until } from '../../test/cluster/index.js';
import type { Stage } from './stage.js';

export interface Contact {
  readonly seconds: number;
  /** Requests by what they are: `list nodes`, `watch pods` … */
  readonly requests: ReadonlyMap<string, number>;
}

/** The user agent of src/apps/scheduler. */
const AGENT = 'kerf-scheduler';

/** Asked when it is ready: its watches may still be on their way, and are waited for. */
export async function requestsSince(stage: Stage, since: Date): Promise<ReadonlyMap<string, number>> {
  let counts: ReadonlyMap<string, number> = new Map();
  const areWatching = async (): Promise<boolean> => {
    counts = await countsSince(stage, since);
    return counts.has('watch nodes') && counts.has('watch pods');
  };
  if (!(await until(areWatching, 10_000, 100))) throw new Error('the audit log shows no watches of Kerf');
  return counts;
}

/** A watch is logged when it begins, and again when it ends. */
async function countsSince({ cluster }: Stage, since: Date): Promise<ReadonlyMap<string, number>> {
  const entries = await readAudit(cluster, { userAgent: AGENT, since });
  const counts = new Map<string, number>();
  for (const entry of entries.filter(({ verb, stage }) => verb !== 'watch' || stage === 'ResponseStarted'))
    counts.set(whatOf(entry), (counts.get(whatOf(entry)) ?? 0) + 1);
  return counts;
}

const whatOf = ({ verb, resource, subresource }: AuditEntry): string =>
  subresource === '' ? `${verb} ${resource}` : `${verb} ${resource}/${subresource}`;
