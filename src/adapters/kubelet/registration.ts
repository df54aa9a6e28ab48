// SPDX-License-Identifier: Apache-2.0
import { Metadata } from '@grpc/grpc-js';
import { type RegisterRequest, RegistrationClient } from './protos/generated/deviceplugin.js';
import { CLIENT_OPTIONS, NO_TLS, unary, unixTarget, within } from './unix-grpc.js';

/** The only version the kubelet speaks. */
export const DEVICE_PLUGIN_VERSION = 'v1beta1';

/** The kubelet dials the plugin back while it answers, for up to 10 s. */
const DEADLINE_MS = 15_000;

/** One short-lived client a call: a kept one would go on pinging a kubelet that restarted. Throws GrpcFault. */
export async function registerWithKubelet(kubeletSocket: string, request: RegisterRequest): Promise<void> {
  const client = new RegistrationClient(unixTarget(kubeletSocket), NO_TLS, CLIENT_OPTIONS);
  try {
    await unary('the kubelet did not take the registration', (done) =>
      client.register(request, new Metadata(), within(DEADLINE_MS), done),
    );
  } finally {
    client.close();
  }
}
