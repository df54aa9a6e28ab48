// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { type DriverLibraries, hasProbe, LIBRARY_FORM, withLibrary } from '../../adapters/probes/open.js';
import { DEFAULT_VENDORS, VENDORS } from '../../vendors/index.js';
import { NAMESPACE, POLICY_CONFIGMAP } from '../../wire/names.js';

export interface MonitorOptions {
  readonly nodeName: string;
  readonly stateDir: string;
  readonly hamiMetrics: boolean;
  readonly listen: string;
  /** Of the device plugins of this node, one for each vendor. */
  readonly pluginUrl: readonly string[];
  readonly nvmlLibrary?: string;
  /** Whose drivers are asked. */
  readonly vendor: readonly string[];
  /** Vendor → library opened instead of the system's. */
  readonly driverLibrary?: DriverLibraries;
  readonly procDir: string;
  readonly kubeconfig?: string;
  /** namespace/name of the ConfigMap with the policy document. */
  readonly policyConfigmap: string;
  readonly usageRetentionDays: number;
}

export function readMonitorOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): MonitorOptions {
  const command = new Command('kerf-monitor')
    .description('Tells what is granted and what is used on this node, and looks after it.')
    .option('--node-name <name>', 'name of the Node', env.NODE_NAME ?? hostname())
    .option('--state-dir <folder>', 'where the device plugin keeps slots and regions', '/var/lib/kerf')
    .option('--hami-metrics', 'tell the figures under HAMi’s names too', false)
    .option('--listen <address>', 'host:port to serve on', '127.0.0.1:9401')
    .option(
      '--plugin-url <url>',
      'where a device plugin serves /v1/slots; repeatable (default: http://127.0.0.1:9402)',
      urls,
    )
    .option(
      '--usage-retention-days <days>',
      'how long whose time it was is kept, in <state-dir>/usage',
      days,
      35,
    );
  const options = withCluster(withDrivers(command))
    .parse([...argv])
    .opts<MonitorOptions>();
  return {
    ...options,
    vendor: options.vendor ?? DEFAULTS,
    pluginUrl: options.pluginUrl ?? ['http://127.0.0.1:9402'],
  };
}

const withDrivers = (command: Command): Command =>
  command
    .option('--nvml-library <path>', 'driver library to open instead of the system’s')
    .option('--vendor <name>', 'whose drivers are asked; repeatable (default: those on by default)', vendorOf)
    .option(
      '--driver-library <vendor=path>',
      'driver library of a vendor to open instead of the system’s; repeatable',
      driverLibrary,
    )
    .option('--proc-dir <folder>', 'the node’s /proc', '/proc');

const withCluster = (command: Command): Command =>
  command
    .option(
      '--kubeconfig <file>',
      'how to reach the API server; absent: KUBECONFIG, else the service account, else no cluster is asked',
    )
    .option(
      '--policy-configmap <namespace/name>',
      'watched for what the policy document says of running pods',
      configMap,
      `${NAMESPACE}/${POLICY_CONFIGMAP}`,
    );

const DEFAULTS = DEFAULT_VENDORS.map(({ name }) => name).filter(hasProbe);

function vendorOf(text: string, before: readonly string[] = []): readonly string[] {
  if (hasProbe(text)) return [...new Set([...before, text])];
  const known = VENDORS.map(({ name }) => name).filter(hasProbe);
  throw new InvalidArgumentError(`want one of ${known.join(', ')}`);
}

function driverLibrary(text: string, before?: DriverLibraries): DriverLibraries {
  const libraries = withLibrary(before, text);
  if (libraries === null) throw new InvalidArgumentError(LIBRARY_FORM);
  return libraries;
}

function urls(text: string, before: readonly string[] = []): readonly string[] {
  if (!URL.canParse(text)) throw new InvalidArgumentError('want http://<host>:<port>');
  return [...before, text];
}

function days(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('want whole days from 1 to 9999');
  return Number(text);
}

function configMap(text: string): string {
  if (!/^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(text)) throw new InvalidArgumentError('want namespace/name');
  return text;
}
