// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Announcements, listenForAnnouncements } from '../../../../src/adapters/announce/listener.js';
import { FakeClock } from '../../../fakes/clock.js';

let folder: string;
let clock: FakeClock;
let heard: Announcements;
const path = (): string => join(folder, 'announce', 'socket');

/** Whether somebody answered. */
const call = (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path());
    socket.once('error', () => resolve(false));
    socket.once('close', (hadError) => resolve(!hadError));
    socket.resume();
  });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kerf-announce-'));
  clock = new FakeClock();
  const onFault = (fault: unknown): void => expect.unreachable(String(fault));
  heard = await listenForAnnouncements({ path: path(), clock, startTicksOf: (pid) => pid + 1, onFault });
});
afterEach(async () => {
  await heard.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('knows who called by the kernel, and since when he runs', async () => {
  expect(heard.has(process.pid, process.pid + 1)).toBe(false);
  await call();
  expect(heard.has(process.pid, process.pid + 1)).toBe(true);
  expect(heard.has(process.pid, 5)).toBe(false);
});

it('does not answer for a while whoever calls without end, and then does again', async () => {
  let answered = 0;
  while (answered < 600 && (await call())) answered += 1;
  expect(answered).toBeGreaterThanOrEqual(500);
  expect(answered).toBeLessThan(600);
  clock.advance(1_000);
  await expect.poll(call).toBe(true);
});
