// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type DriverLibraries, LIBRARY_FORM, withLibrary } from '../src/adapters/probes/open.js';
import { VERSION } from '../src/core/version.js';
import { VENDORS } from '../src/vendors/index.js';
import type { LibraryMode } from './allocate.js';
import type { PageFolders } from './pages.js';

export interface PluginOptions {
  readonly nodeName: string;
  readonly kubeconfig?: string;
  readonly vendor: string;
  /** YAML file: vendor → resource names, where the cluster calls them otherwise. */
  readonly resourceNames?: string;
  readonly kubeletDir: string;
  readonly stateDir: string;
  readonly cdiDir: string;
  readonly vendorCdiDir: readonly string[];
  readonly criSocket: string;
  readonly assumeCdi: boolean;
  readonly libraryDir: string;
  readonly nvmlLibrary?: string;
  /** Vendor → library opened instead of the system's. */
  readonly driverLibrary?: DriverLibraries;
  readonly splits: number;
  /** Slots offered to the kubelet for each device; `splits` where that is more. */
  readonly slotsPerDevice: number;
  /** Placements that changed in their amounts are obeyed. */
  readonly resize: boolean;
  readonly metricsListen: string;
  readonly procDir: string;
  /** Where device nodes are made: a new one there is looked at. */
  readonly deviceDir: string;
  readonly quarantineSeconds: number;
  readonly regionStorage: 'memory' | 'disk';
  readonly libraryMode: LibraryMode;
}

export function foldersOf(options: PluginOptions, slots: string): PageFolders {
  const { cdiDir, vendorCdiDir, libraryDir, regionStorage, libraryMode, procDir } = options;
  return {
    ...{ slots, cdi: cdiDir, vendorCdi: vendorCdiDir, library: libraryDir, regions: regionStorage },
    ...{ libraryMode, proc: procDir },
  };
}

const EXAMPLES = `
Examples:
  On a node, inside the cluster's DaemonSet (service account, default paths):
    $ NODE_NAME=$(hostname) node dist/device-plugin.js
  With a kubeconfig and a driver library of another place:
    $ node dist/device-plugin.js --node-name n1 --kubeconfig agent.conf \\
        --nvml-library /run/driver/lib64/libnvml.so --library-dir /opt/kerf/0.1.0
  What it gave out, and how it fares:
    $ curl -s http://127.0.0.1:9402/v1/slots
    $ curl -s http://127.0.0.1:9402/healthz

On disk: <state-dir>/slots/<slot>.json (records), <state-dir>/slots/<slot>/{limits,box/region,preload},
         <cdi-dir>/kerf-slot-<slot>.json, <kubelet-dir>/device-plugins/kerf-<vendor>-<8 hex>.sock
`;

const SPLITS_MAX = 100;

function readSplits(text: string): number {
  const splits = Number(text);
  if (Number.isInteger(splits) && splits >= 1 && splits <= SPLITS_MAX) return splits;
  throw new InvalidArgumentError(`want a whole number from 1 to ${SPLITS_MAX}.`);
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError('want a whole number of seconds from 1 to 3600.');
}

function readVendor(text: string): string {
  const served = VENDORS.filter(({ hasAgent }) => hasAgent);
  if (served.some(({ name }) => name === text)) return text;
  throw new InvalidArgumentError(`want one of ${served.map(({ name }) => name).join(', ')}.`);
}

function readLibrary(text: string, before?: DriverLibraries): DriverLibraries {
  const libraries = withLibrary(before, text);
  if (libraries === null) throw new InvalidArgumentError(`${LIBRARY_FORM}.`);
  return libraries;
}

const collect = (entry: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  entry,
];

export function readOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): PluginOptions {
  const options = commandOf()
    .parse([...argv], { from: 'user' })
    .opts<PluginOptions>();
  const nodeName = options.nodeName ?? env.NODE_NAME ?? '';
  if (nodeName === '')
    throw new Error('--node-name is missing, and NODE_NAME is not set: say which node this is');
  const paths = ['kubeletDir', 'stateDir', 'cdiDir', 'libraryDir'] as const;
  const absolute = Object.fromEntries(paths.map((key) => [key, resolve(options[key])]));
  return {
    ...options,
    ...absolute,
    nodeName,
    vendorCdiDir: options.vendorCdiDir ?? ['/etc/cdi', options.cdiDir],
  };
}

const REGION_STORAGE =
  'memory: a mount of fixed size each, which must reach the node (mountPropagation Bidirectional); disk: plain files in --state-dir, which a tenant can make grow';

const LIBRARY_MODE =
  "preload: containers' loaders load it first; cover: mounted over the driver's files, where the vendor's CDI spec mounts them one by one (else preload)";

function commandOf(): Command {
  return withPlaces(new Command('device-plugin'))
    .description("Kerf's device plugin: gives slots to the kubelet, turns placements into limited containers")
    .option('--node-name <name>', 'this node (default: the NODE_NAME environment variable)')
    .option('--kubeconfig <file>', 'how to reach the API server (default: the service account of the pod)')
    .option('--vendor <name>', 'whose devices', readVendor, VENDORS[0]?.name)
    .option('--resource-names <file>', 'YAML of the names of extended resources, by vendor')
    .option('--kubelet-dir <folder>', 'device-plugins/ and pod-resources/ in it', '/var/lib/kubelet')
    .option('--state-dir <folder>', 'what must survive a restart', '/var/lib/kerf')
    .option(
      '--cdi-dir <folder>',
      'where the runtime looks for CDI specs and slots are written',
      '/var/run/cdi',
    )
    .option(
      '--vendor-cdi-dir <folder>',
      "the vendor's own CDI specs; repeatable (default: /etc/cdi and --cdi-dir)",
      collect,
    )
    .option('--cri-socket <path>', 'asked whether CDI is on', '/run/containerd/containerd.sock')
    .option(
      '--assume-cdi',
      'register without asking the runtime: containers start unlimited if CDI is off',
      false,
    )
    .option('--library-dir <folder>', 'holds libkerf.so and libkerf-nvml.so', `/opt/kerf/${VERSION}`)
    .option('--nvml-library <name>', "the driver's management library")
    .option('--driver-library <vendor=path>', "the same for any vendor's driver; repeatable", readLibrary)
    .option('--splits <count>', 'slices a device may carry at once', readSplits, 10)
    .option(
      '--slots-per-device <count>',
      'slots offered to the kubelet for each device, if more than --splits: room for policies that let it carry more',
      readSplits,
      1,
    )
    .option('--no-resize', 'obeys no placement that changed: for clusters where tenants may write them')
    .version(VERSION)
    .addHelpText('after', EXAMPLES);
}

function withPlaces(command: Command): Command {
  return command
    .option('--metrics-listen <address>', '/healthz, /metrics, /v1/slots', '127.0.0.1:9402')
    .option('--proc-dir <folder>', "the node's /proc", '/proc')
    .option('--device-dir <folder>', 'where device nodes are made', '/dev')
    .option(
      '--quarantine-seconds <count>',
      'how long a device with a fault that may pass gets no new slices; doubles with each one more within an hour',
      readSeconds,
      60,
    )
    .addOption(
      new Option('--library-mode <kind>', LIBRARY_MODE).choices(['preload', 'cover']).default('preload'),
    )
    .addOption(
      new Option('--region-storage <kind>', REGION_STORAGE).choices(['memory', 'disk']).default('memory'),
    );
}
