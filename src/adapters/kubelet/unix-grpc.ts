// SPDX-License-Identifier: Apache-2.0
// One call over a unix socket, as a promise.
import { type ClientUnaryCall, credentials, type ServiceError, status } from '@grpc/grpc-js';

export const NO_TLS = credentials.createInsecure();

/** PodResources lists every pod of the node: the kubelet itself allows 16 MiB. */
export const CLIENT_OPTIONS = { 'grpc.max_receive_message_length': 16 * 1024 * 1024 } as const;

export const unixTarget = (socketPath: string): string => `unix://${socketPath}`;

export interface CallOptions {
  readonly deadline: Date;
}

export const within = (ms: number): CallOptions => ({ deadline: new Date(Date.now() + ms) });

/** A gRPC service that did not answer well. */
export class GrpcFault extends Error {
  /** gRPC's own name of the status, e.g. UNAVAILABLE. */
  readonly code: string;

  constructor(what: string, cause: ServiceError) {
    super(`${what}: ${cause.details === '' ? cause.message : cause.details}`, { cause });
    this.name = 'GrpcFault';
    this.code = status[cause.code] ?? String(cause.code);
  }
}

/** `what` begins the fault's sentence. */
export function unary<T>(
  what: string,
  call: (done: (fault: ServiceError | null, answer: T) => void) => ClientUnaryCall,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((fault, answer) => {
      if (fault === null) resolve(answer);
      else reject(new GrpcFault(what, fault));
    });
  });
}
