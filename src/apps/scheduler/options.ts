// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Address, parseAddress } from '../../adapters/http/server.js';
import { DEVICE_POLICY_NAMES, NODE_POLICY_NAMES } from '../../core/policies.js';
import type { DevicePolicyName, NodePolicyName } from '../../core/request.js';
import { NAMESPACE, POLICY_CONFIGMAP, SCHEDULER_NAME } from '../../wire/names.js';

export interface SchedulerOptions {
  readonly kubeconfig?: string;
  readonly extenderListen: Address;
  readonly webhookListen: Address;
  /** The webhook is served only where both are given. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly nodePolicy: NodePolicyName;
  readonly devicePolicy: DevicePolicyName;
  /** namespace/name of the ConfigMap with the policy document. */
  readonly policyConfigmap: string;
  readonly assumeSeconds: number;
  readonly schedulerName: string;
  readonly devicesPerContainer: number;
  /** YAML file: vendor → resource names, where the cluster calls them otherwise. */
  readonly resourceNames?: string;
  /** namespace/name of the leader's lease; absent: this one answers for all. */
  readonly lease?: string;
  /** Whether placements may be written anew under running pods. */
  readonly resize: boolean;
  /** The figures under HAMi's names too. */
  readonly hamiMetrics: boolean;
  readonly instance: string;
  readonly logLevel: string;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function readSchedulerOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SchedulerOptions {
  const command = commandOf(env.KERF_LOG_LEVEL ?? 'info').parse([...argv]);
  const given = command.opts<Omit<SchedulerOptions, 'instance'>>();
  return { ...given, instance: env.POD_NAME ?? hostname() };
}

function commandOf(logLevel: string): Command {
  return new Command('kerf-scheduler')
    .description('Scheduler extender and admission webhook of Kerf')
    .option(
      '--kubeconfig <file>',
      'how to reach the API server; absent: KUBECONFIG, else the service account',
    )
    .option('--extender-listen <host:port>', 'where kube-scheduler asks', address, address('127.0.0.1:9480'))
    .option('--webhook-listen <host:port>', 'where the API server asks', address, address('0.0.0.0:9443'))
    .option('--tls-cert <file>', 'certificate of the webhook, PEM')
    .option('--tls-key <file>', 'key of the webhook, PEM')
    .addOption(
      new Option('--node-policy <name>', 'where a pod says nothing')
        .choices(NODE_POLICY_NAMES)
        .default('binpack'),
    )
    .addOption(
      new Option('--device-policy <name>', 'where a pod says nothing')
        .choices(DEVICE_POLICY_NAMES)
        .default('binpack'),
    )
    .option(
      '--policy-configmap <namespace/name>',
      'watched for the policy document, which stands before --node-policy and --device-policy',
      configMap,
      `${NAMESPACE}/${POLICY_CONFIGMAP}`,
    )
    .option(
      '--lease <namespace/name>',
      'held by the leader of several replicas: it answers resizes',
      configMap,
    )
    .option('--no-resize', 'refuses to resize running pods')
    .option('--assume-seconds <n>', 'how long a placement stands without the watch showing it', count, 60)
    .option('--scheduler-name <name>', 'what admission writes into spec.schedulerName', SCHEDULER_NAME)
    .option('--devices-per-container <n>', 'the most one container may ask', count, 16)
    .option('--hami-metrics', 'tell the figures under HAMi’s names too', false)
    .option('--resource-names <file>', 'YAML of the names of extended resources, by vendor')
    .addOption(new Option('--log-level <level>', 'how much to say').choices(LOG_LEVELS).default(logLevel));
}

function address(text: string): Address {
  try {
    return parseAddress(text);
  } catch (fault) {
    throw new InvalidArgumentError((fault as Error).message);
  }
}

function configMap(text: string): string {
  if (!/^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(text)) throw new InvalidArgumentError('want namespace/name');
  return text;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('want a whole number from 1 on');
  return value;
}
