// SPDX-License-Identifier: Apache-2.0
// Who uses a slice says so to the node's monitor, once and without waiting; where nobody listens nothing happens.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Announcements, listenForAnnouncements } from '../../src/adapters/announce/listener.js';
import { systemClock } from '../../src/adapters/clock.js';
import { Proc } from '../../src/adapters/processes/proc.js';
import { buildNative, PATHS } from './build.js';
import { ended, firstLine, lastJson, Machine, type Slice } from './slice.js';

const proc = new Proc('/proc');
let machine: Machine;

beforeAll(() => {
  buildNative();
  machine = new Machine('A100-40G');
}, 300_000);
afterAll(() => machine?.end());

function sliceWithFolder(): { readonly slice: Slice; readonly path: string } {
  const slice = machine.slice({ gpu: machine.gpu(0), mib: 1024 });
  mkdirSync(join(slice.folder, 'announce'));
  return { slice, path: join(slice.folder, 'announce', 'socket') };
}

const listen = (path: string): Promise<Announcements> =>
  listenForAnnouncements({
    path,
    clock: systemClock,
    startTicksOf: (pid) => proc.startTicks(pid),
    onFault: (fault) => expect.unreachable(String(fault)),
  });

it('a process that takes its first memory is known by its own pid on the node', async () => {
  const { slice, path } = sliceWithFolder();
  const heard = await listen(path);
  const holder = slice.start([PATHS.workload, 'alloc', '10', '--hold', '60']);
  const { pid } = JSON.parse(await firstLine(holder)) as { pid: number };
  await expect.poll(() => heard.has(pid, proc.startTicks(pid)), { interval: 10 }).toBe(true);
  expect(heard.has(pid, proc.startTicks(pid) + 1)).toBe(false);
  expect(proc.hasLibrary(pid)).toBe(true);
  holder.kill('SIGKILL');
  await ended(holder);
  await heard.stop();
});

it.each([
  ['the folder is not there', false],
  ['what lies there is no socket', true],
])('nothing happens where %s', (_, hasFile) => {
  const slice = machine.slice({ gpu: machine.gpu(0), mib: 1024 });
  if (hasFile) {
    mkdirSync(join(slice.folder, 'announce'));
    writeFileSync(join(slice.folder, 'announce', 'socket'), '');
  }
  const ran = slice.run([PATHS.workload, 'alloc', '10']);
  expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: '' });
  expect(lastJson<{ code: number }>(ran).code).toBe(0);
});
