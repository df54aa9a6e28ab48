// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net';
import { nodeNames } from './options.js';
import type { Addresses } from './state.js';

/** Addresses of the documentation range: they exist only in the cluster's own network namespace. */
export const CLUSTER_ADDRESS = '192.0.2.10';
export const SERVICE_RANGE = '10.96.0.0/16';
export const API_SERVICE = '10.96.0.1';
export const POD_RANGE = '10.244.0.0/16';

export const INSIDE: Addresses = {
  bind: '0.0.0.0',
  advertise: CLUSTER_ADDRESS,
  api: 6443,
  etcdClient: 2379,
  etcdPeer: 2380,
  controllers: 10257,
  scheduler: 10259,
};

const numberOf = (node: string): number => Number(node.slice(1));

export const nodeAddress = (node: string): string => `192.0.2.${10 + numberOf(node)}`;

/** A /22 for each node: room for a thousand pods. */
export const podCidrOf = (node: string): string => `10.244.${4 * numberOf(node)}.0/22`;

export function allAddresses(nodes: number): string[] {
  return [CLUSTER_ADDRESS, ...nodeNames(nodes).map(nodeAddress)];
}

/** Without namespaces: loopback, and ports that are free now. */
export async function looseAddresses(): Promise<Addresses> {
  const [api, etcdClient, etcdPeer, controllers, scheduler] = await freePorts(5);
  if (!api || !etcdClient || !etcdPeer || !controllers || !scheduler) throw new Error('no free ports');
  return { bind: '127.0.0.1', advertise: '127.0.0.1', api, etcdClient, etcdPeer, controllers, scheduler };
}

/** All are held at once and then given back, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
