// SPDX-License-Identifier: Apache-2.0
// One at a time decides about the slices of a folder. The lock is a name among the kernel's abstract sockets: whoever
// dies, however he dies, has let go of it.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const WAIT_MS = 10_000;
const AGAIN_MS = 20;

export async function locked<T>(folder: string, act: () => T | Promise<T>): Promise<T> {
  const server = await take(`\0kerf-run-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`);
  try {
    return await act();
  } finally {
    server.close();
  }
}

async function take(path: string): Promise<Server> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const server = createServer((socket) => socket.destroy());
    server.listen({ path });
    try {
      await once(server, 'listening');
      server.unref();
      return server;
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw fault;
      if (Date.now() > until) throw new Error('another kerf has been deciding about slices here for 10 s');
    }
    await sleep(AGAIN_MS);
  }
}
