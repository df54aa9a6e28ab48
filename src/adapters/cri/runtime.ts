// SPDX-License-Identifier: Apache-2.0
import { Metadata } from '@grpc/grpc-js';
import { RuntimeServiceClient } from '../kubelet/protos/generated/runtime.js';
import { CLIENT_OPTIONS, NO_TLS, unary, unixTarget, within } from '../kubelet/unix-grpc.js';

/** What a container runtime tells about itself. */
export interface RuntimeTold {
  /** `containerd`, `cri-o` … */
  readonly name: string;
  readonly version: string;
  /** Its own texts of Status(verbose), by key; free-form JSON. */
  readonly texts: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 5_000;

/** Throws GrpcFault when the socket does not answer. */
export async function askRuntime(socketPath: string): Promise<RuntimeTold> {
  const client = new RuntimeServiceClient(unixTarget(socketPath), NO_TLS, CLIENT_OPTIONS);
  const what = `the container runtime at ${socketPath} does not answer`;
  try {
    const version = await unary<{ runtimeName: string; runtimeVersion: string }>(what, (done) =>
      client.version({ version: 'v1' }, new Metadata(), within(DEADLINE_MS), done),
    );
    const status = await unary<{ info: Record<string, string> }>(what, (done) =>
      client.status({ verbose: true }, new Metadata(), within(DEADLINE_MS), done),
    );
    return { name: version.runtimeName, version: version.runtimeVersion, texts: status.info };
  } finally {
    client.close();
  }
}
