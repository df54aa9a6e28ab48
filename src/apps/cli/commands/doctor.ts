// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../../../adapters/clock.js';
import type { Verdict } from '../../../adapters/doctor/check.js';
import { type Examined, examine } from '../../../adapters/doctor/examine.js';
import { askRuntime } from '../../../adapters/cri/runtime.js';
import { RUNTIME_CONFIG } from '../../../adapters/doctor/strangers.js';
import {
  type DriverLibraries,
  hasProbe,
  LIBRARY_FORM,
  librariesOf,
  openProbe,
  withLibrary,
} from '../../../adapters/probes/open.js';
import { readVendors } from '../../../adapters/vendors-file.js';
import { VERSION } from '../../../core/version.js';
import { VENDORS, type Vendor, vendorNamed } from '../../../vendors/index.js';
import { type Io, Misused, reasonOf, Refused } from '../io.js';
import { type Column, renderTable, type Tone, toned } from '../table.js';

export interface DoctorOptions {
  readonly vendor: string;
  readonly resourceNames?: string;
  readonly libraryDir: string;
  readonly kubeletDir: string;
  readonly stateDir: string;
  readonly cdiDir: string;
  readonly vendorCdiDir?: readonly string[];
  readonly criSocket: string;
  readonly procDir: string;
  readonly cgroupDir: string;
  readonly runDir: string;
  readonly runtimeConfig: string;
  readonly nvmlLibrary?: string;
  readonly driverLibrary?: DriverLibraries;
  readonly json?: boolean;
}

const EXAMPLES = `
It looks, and changes nothing. Run it on the node as the device plugin runs: as root, with the same options.

Examples:
  sudo kerf doctor
  kerf doctor --driver-library ${VENDORS[0]?.name}=/run/driver/lib64/libdriver.so --cri-socket /run/crio/crio.sock
  kerf doctor --json | jq '.checks[] | select(.verdict == "fail")'

Exit codes: 0 nothing fails (it may warn), 1 something fails, 2 wrong usage.
`;

export function addDoctor(program: Command, io: Io): void {
  withPlaces(program.command('doctor'))
    .description(
      'Whether this node can serve slices: driver, library, CDI, runtime, kubelet, rights; and what to do.',
    )
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => doctor(command.opts<DoctorOptions>(), io));
}

function withPlaces(command: Command): Command {
  return command
    .option('--vendor <name>', 'whose devices', readVendor, VENDORS[0]?.name)
    .option('--resource-names <file>', 'YAML of the names of extended resources, by vendor')
    .option('--library-dir <folder>', 'holds libkerf.so and libkerf-nvml.so', `/opt/kerf/${VERSION}`)
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
    .option('--cri-socket <path>', 'of the container runtime', '/run/containerd/containerd.sock')
    .option('--proc-dir <folder>', "the node's /proc", '/proc')
    .option('--cgroup-dir <folder>', 'where cgroups are mounted', '/sys/fs/cgroup')
    .option('--run-dir <folder>', "the node's /run", '/run')
    .option('--runtime-config <file>', "of the vendor's container runtime", RUNTIME_CONFIG)
    .option('--nvml-library <name>', "the driver's management library")
    .option('--driver-library <vendor=path>', "the same for any vendor's driver; repeatable", readLibrary);
}

function readVendor(text: string): string {
  const served = VENDORS.map(({ name }) => name).filter(hasProbe);
  if (served.includes(text)) return text;
  throw new InvalidArgumentError(`want one of ${served.join(', ')}.`);
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

async function doctor(options: DoctorOptions, io: Io): Promise<void> {
  const places = {
    ...options,
    vendor: vendorOf(options),
    openProbe: () => openProbe(options.vendor, librariesOf(options)),
    askRuntime,
    vendorCdiDirs: options.vendorCdiDir ?? ['/etc/cdi', options.cdiDir],
    clock: systemClock,
  };
  const checks = await examine(places);
  const failing = checks.filter(({ verdict }) => verdict === 'fail').length;
  if (options.json === true)
    io.out(JSON.stringify({ node: hostname(), vendor: options.vendor, ok: failing === 0, checks }, null, 2));
  else io.out(frameOf(checks, io.hasColour));
  if (failing > 0) throw new Refused(`${failing} of ${checks.length} checks fail`);
}

/** With the names of this cluster where they are told. */
function vendorOf({ vendor, resourceNames }: DoctorOptions): Vendor {
  const row = vendorNamed(vendor);
  if (row === undefined) throw new Error(`bug: --vendor ${vendor} was let pass`);
  try {
    return readVendors(resourceNames).find(({ name }) => name === vendor) ?? row;
  } catch (fault) {
    throw new Misused(`--resource-names ${resourceNames}: ${reasonOf(fault)}`);
  }
}

const TONES: Readonly<Record<Verdict, Tone>> = { ok: 'good', warn: 'warn', fail: 'bad', skipped: 'dim' };

const COLUMNS: readonly Column<Examined>[] = [
  { title: 'CHECK', cell: ({ check }) => check },
  { title: 'VERDICT', cell: ({ verdict }) => toned(verdict, TONES[verdict]) },
  { title: 'WHAT WAS SEEN', cell: ({ told }) => told },
];

function frameOf(checks: readonly Examined[], hasColour: boolean): string {
  const advice = checks
    .filter(({ remedy }) => remedy !== '')
    .map(({ check, remedy }) => `${check}: ${remedy}`);
  const table = renderTable(COLUMNS, checks, hasColour);
  return advice.length === 0
    ? table
    : [table, '', 'What to do:', ...advice.map((line) => `  ${line}`)].join('\n');
}
