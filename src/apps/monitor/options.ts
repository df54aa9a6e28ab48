// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { NAMESPACE, POLICY_CONFIGMAP } from '../../wire/names.js';

export interface MonitorOptions {
  readonly nodeName: string;
  readonly stateDir: string;
  readonly listen: string;
  readonly pluginUrl: string;
  readonly nvmlLibrary?: string;
  readonly kubeconfig?: string;
  /** namespace/name of the ConfigMap with the policy document. */
  readonly policyConfigmap: string;
}

export function readMonitorOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): MonitorOptions {
  return new Command('kerf-monitor')
    .description('Tells what is granted and what is used on this node, and looks after it.')
    .option('--node-name <name>', 'name of the Node', env.NODE_NAME ?? hostname())
    .option('--state-dir <folder>', 'where the device plugin keeps slots and regions', '/var/lib/kerf')
    .option('--listen <address>', 'host:port to serve on', '127.0.0.1:9401')
    .option('--plugin-url <url>', 'where the device plugin serves /v1/slots', 'http://127.0.0.1:9402')
    .option('--nvml-library <path>', 'driver library to open instead of the system’s')
    .option(
      '--kubeconfig <file>',
      'how to reach the API server; absent: KUBECONFIG, else the service account, else no cluster is asked',
    )
    .option(
      '--policy-configmap <namespace/name>',
      'watched for what the policy document says of running pods',
      configMap,
      `${NAMESPACE}/${POLICY_CONFIGMAP}`,
    )
    .parse([...argv])
    .opts<MonitorOptions>();
}

function configMap(text: string): string {
  if (!/^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(text)) throw new InvalidArgumentError('want namespace/name');
  return text;
}
