// SPDX-License-Identifier: Apache-2.0
// The kubelet's DevicePlugin service. Allocate gives out names that mean nothing yet; PreStartContainer gives them
// their meaning. Nothing here blocks: the kubelet dials us with 10 s to spare while it takes our registration.
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import {
  type AllocateRequest,
  type AllocateResponse,
  DevicePluginService,
  type DevicePluginServer,
  type Empty,
  type ListAndWatchResponse,
  type PreferredAllocationRequest,
  type PreferredAllocationResponse,
  type PreStartContainerRequest,
  type PreStartContainerResponse,
  type RegisterRequest,
} from '../src/adapters/kubelet/protos/generated/deviceplugin.js';
import { DEVICE_PLUGIN_VERSION } from '../src/adapters/kubelet/registration.js';
import type { Result } from '../src/core/result.js';
import type { IdHealth } from './ids.js';

export const PLUGIN_OPTIONS = { preStartRequired: true, getPreferredAllocationAvailable: false } as const;

export function registrationOf(endpoint: string, resourceName: string): RegisterRequest {
  return { version: DEVICE_PLUGIN_VERSION, endpoint, resourceName, options: { ...PLUGIN_OPTIONS } };
}

/** What the service asks of the room. */
export interface PluginDuties {
  ids(): readonly IdHealth[];
  /** CDI names, one per request, on disk before this resolves. */
  allocate(requests: readonly (readonly string[])[]): Promise<readonly string[]>;
  preStart(ids: readonly string[]): Promise<Result<void, string>>;
  /** A call failed for a reason that is not the pod's. */
  onFault(call: string, fault: unknown): void;
}

/** One serving socket. */
export interface PluginServer {
  /** Streams the kubelet holds: none means it has let go of us. */
  readonly watchers: number;
  /** Sends the ids to whoever watches, when they changed. */
  publish(): void;
  /** Ends all streams at once: they would keep a polite end waiting for ever. */
  close(): void;
}

/** Socket names this long would be cut short silently by Node. */
const SOCKET_PATH_MAX = 107;

export async function servePlugin(socketPath: string, duties: PluginDuties): Promise<PluginServer> {
  if (Buffer.byteLength(socketPath) > SOCKET_PATH_MAX)
    throw new Error(
      `socket path ${socketPath} is longer than ${SOCKET_PATH_MAX} bytes: use a shorter --kubelet-dir`,
    );
  const service = new PluginService(duties);
  const server = new Server();
  server.addService(DevicePluginService, service.implementation());
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socketPath}`, ServerCredentials.createInsecure(), (fault) =>
      fault === null ? resolve() : reject(fault),
    );
  });
  return {
    get watchers() {
      return service.streams.size;
    },
    publish: () => service.publish(),
    close: () => server.forceShutdown(),
  };
}

type WatchStream = ServerWritableStream<Empty, ListAndWatchResponse>;

class PluginService {
  readonly streams = new Set<WatchStream>();
  private sent = '';

  constructor(private readonly duties: PluginDuties) {}

  implementation(): DevicePluginServer {
    return {
      getDevicePluginOptions: (_, done) => done(null, { ...PLUGIN_OPTIONS }),
      listAndWatch: (stream) => this.watch(stream),
      getPreferredAllocation: (call, done) => done(null, prefer(call.request)),
      allocate: (call, done) => this.allocate(call, done),
      preStartContainer: (call, done) => this.preStart(call, done),
    };
  }

  publish(): void {
    const answer = this.answer();
    const text = JSON.stringify(answer);
    if (text === this.sent) return;
    this.sent = text;
    for (const stream of this.streams) stream.write(answer);
  }

  private watch(stream: WatchStream): void {
    this.streams.add(stream);
    const forget = (): void => {
      this.streams.delete(stream);
    };
    for (const end of ['cancelled', 'close', 'error']) stream.on(end, forget);
    const answer = this.answer();
    this.sent = JSON.stringify(answer);
    stream.write(answer);
  }

  private answer(): ListAndWatchResponse {
    const devices = this.duties
      .ids()
      .map(({ id, isHealthy }) => ({ ID: id, health: isHealthy ? 'Healthy' : 'Unhealthy' }));
    return { devices };
  }

  private allocate(
    { request }: ServerUnaryCall<AllocateRequest, AllocateResponse>,
    done: sendUnaryData<AllocateResponse>,
  ): void {
    const requests = request.containerRequests.map(({ devicesIds }) => devicesIds);
    this.duties.allocate(requests).then(
      (names) => done(null, { containerResponses: names.map((name) => ({ cdiDevices: [{ name }] })) }),
      (fault: unknown) => this.fail('Allocate', fault, done),
    );
  }

  private preStart(
    { request }: ServerUnaryCall<PreStartContainerRequest, PreStartContainerResponse>,
    done: sendUnaryData<PreStartContainerResponse>,
  ): void {
    this.duties.preStart(request.devicesIds).then(
      (answer) =>
        answer.ok ? done(null, {}) : done({ code: status.FAILED_PRECONDITION, details: answer.error }),
      (fault: unknown) => this.fail('PreStartContainer', fault, done),
    );
  }

  private fail<T>(call: string, fault: unknown, done: sendUnaryData<T>): void {
    this.duties.onFault(call, fault);
    const details = fault instanceof Error ? fault.message : String(fault);
    done({ code: status.UNAVAILABLE, details });
  }
}

/** Never asked for by the options; an id is as good as another. */
function prefer({ containerRequests }: PreferredAllocationRequest): PreferredAllocationResponse {
  return {
    containerResponses: containerRequests.map((row) => {
      const all = new Set([...row.mustIncludeDeviceIDs, ...row.availableDeviceIDs]);
      return { deviceIDs: [...all].slice(0, row.allocationSize) };
    }),
  };
}
