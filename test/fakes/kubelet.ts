// SPDX-License-Identifier: Apache-2.0
// The kubelet's side of the two sockets, over real gRPC: takes registrations, dials the plugin back as kubelet does,
// keeps its ListAndWatch, and lists PodResources.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ClientReadableStream,
  credentials,
  type ServiceError,
  Server,
  ServerCredentials,
  status,
} from '@grpc/grpc-js';
import {
  type AllocateResponse,
  DevicePluginClient,
  type DevicePluginOptions,
  type ListAndWatchResponse,
  type RegisterRequest,
  type RegistrationServer,
  RegistrationService,
} from '../../src/adapters/kubelet/protos/generated/deviceplugin.js';
import {
  type PodResources,
  type PodResourcesListerServer,
  PodResourcesListerService,
} from '../../src/adapters/kubelet/protos/generated/podresources.js';

export interface Plugin {
  readonly request: RegisterRequest;
  readonly options: DevicePluginOptions;
  readonly client: DevicePluginClient;
  readonly stream: ClientReadableStream<ListAndWatchResponse>;
  /** Every list the plugin sent. */
  readonly lists: ListAndWatchResponse[];
}

export class FakeKubelet {
  readonly plugins: Plugin[] = [];
  private waiting: (() => void)[] = [];
  private server: Server | null = null;

  constructor(readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  async start(): Promise<void> {
    const server = new Server();
    const service: RegistrationServer = {
      register: (call, done) =>
        this.take(call.request).then(
          () => done(null, {}),
          (fault: Error) => done({ code: status.UNKNOWN, details: fault.message }),
        ),
    };
    server.addService(RegistrationService, service);
    await bind(server, join(this.folder, 'kubelet.sock'));
    this.server = server;
  }

  /** As a kill: its clients' streams end, kubelet.sock stays until the next start removes it. */
  stop(): void {
    for (const { stream, client } of this.plugins) {
      stream.cancel();
      client.close();
    }
    this.server?.forceShutdown();
  }

  /** As at its start: every socket in the folder is removed, then kubelet.sock made anew. */
  async restart(): Promise<void> {
    this.stop();
    for (const { request } of this.plugins) rmSync(join(this.folder, request.endpoint), { force: true });
    rmSync(join(this.folder, 'kubelet.sock'), { force: true });
    await this.start();
  }

  /** Resolves when the nth plugin instance has registered and sent its first list. */
  async registered(count: number): Promise<Plugin> {
    for (;;) {
      const plugin = this.plugins[count - 1];
      if (plugin !== undefined && plugin.lists.length > 0) return plugin;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  private async take(request: RegisterRequest): Promise<void> {
    const client = new DevicePluginClient(
      `unix://${join(this.folder, request.endpoint)}`,
      credentials.createInsecure(),
    );
    const options = await promised<DevicePluginOptions>((done) => client.getDevicePluginOptions({}, done));
    const stream = client.listAndWatch({});
    const plugin: Plugin = { request, options, client, stream, lists: [] };
    stream.on('error', () => {});
    stream.on('data', (list: ListAndWatchResponse) => {
      plugin.lists.push(list);
      this.wake();
    });
    this.plugins.push(plugin);
    this.wake();
  }

  private wake(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}

export const allocate = (plugin: Plugin, ...ids: string[][]): Promise<AllocateResponse> =>
  promised((done) =>
    plugin.client.allocate({ containerRequests: ids.map((devicesIds) => ({ devicesIds })) }, done),
  );

export const preStart = (plugin: Plugin, devicesIds: string[]): Promise<object> =>
  promised((done) => plugin.client.preStartContainer({ devicesIds }, done));

/** Serves PodResources; `answer` may throw a status code. */
export async function servePodResources(
  socketPath: string,
  answer: () => PodResources[] | number,
): Promise<Server> {
  const server = new Server();
  const service: PodResourcesListerServer = {
    list: (_, done) => {
      const told = answer();
      if (typeof told === 'number') done({ code: told, details: 'refused' });
      else done(null, { podResources: told });
    },
  };
  server.addService(PodResourcesListerService, service);
  await bind(server, socketPath);
  return server;
}

function bind(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix://${socketPath}`, ServerCredentials.createInsecure(), (fault) =>
      fault === null ? resolve() : reject(fault),
    );
  });
}

function promised<T>(call: (done: (fault: ServiceError | null, answer: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((fault, answer) => (fault === null ? resolve(answer) : reject(fault)));
  });
}
