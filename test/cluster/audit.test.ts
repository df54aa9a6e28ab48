// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readAudit, writesByUser } from './audit.js';

const line = (user: string, verb: string, at: string): string =>
  JSON.stringify({
    stage: 'ResponseComplete',
    verb,
    user: { username: user },
    objectRef: { resource: 'pods', subresource: 'binding', namespace: 'a', name: 'p' },
    responseStatus: { code: 201 },
    requestReceivedTimestamp: at,
  });

function aLog(...lines: string[]): { auditLog: string } {
  const auditLog = join(mkdtempSync(join(tmpdir(), 'audit-')), 'audit.log');
  writeFileSync(auditLog, lines.join('\n'));
  return { auditLog };
}

const EARLY = '2026-01-01T00:00:00.000001Z';
const LATE = '2026-01-01T00:00:10.000001Z';

test('writes are counted by user, reads are not', async () => {
  const log = aLog(line('a', 'create', EARLY), line('a', 'patch', EARLY), line('b', 'get', EARLY), '{"half');
  expect(writesByUser(await readAudit(log))).toEqual(new Map([['a', 2]]));
});

test('a filter takes what equals it and came since', async () => {
  const log = aLog(line('a', 'create', EARLY), line('a', 'create', LATE), line('b', 'create', LATE));
  const found = await readAudit(log, {
    user: 'a',
    subresource: 'binding',
    since: new Date('2026-01-01T00:00:05Z'),
  });
  expect(found).toEqual([
    {
      ...{ user: 'a', verb: 'create', resource: 'pods', subresource: 'binding', namespace: 'a', name: 'p' },
      ...{ code: 201, stage: 'ResponseComplete', userAgent: '', at: LATE },
    },
  ]);
});

test('a log that is not there yet is empty', async () => {
  expect(await readAudit({ auditLog: '/nonexistent/audit.log' })).toEqual([]);
});
