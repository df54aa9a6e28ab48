// SPDX-License-Identifier: Apache-2.0
// What a container needs to reach a device at all: from the vendor's own CDI spec where there is one,
// else the device nodes of the vendor's table.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Vendor } from '../src/vendors/index.js';
import { type CdiSpec, type ContainerEdits, mergeEdits, readSpec } from './cdi.js';
import type { NodeDevice } from './node-device.js';

export interface VendorEdits {
  readonly edits: ContainerEdits;
  /** The version of the spec used; null when the device nodes were taken. */
  readonly declaredVersion: string | null;
}

const OUR_FILES = 'kerf-slot-';

interface Read {
  readonly mark: string;
  readonly spec: CdiSpec | null;
}

/** Looks at the folders each time, for a driver update rewrites its spec while we run; parses what is new. */
export class VendorSpecs {
  private readonly read = new Map<string, Read>();

  constructor(
    private readonly vendor: Vendor,
    private readonly folders: readonly string[],
    /** The node's /proc. */
    private readonly procDir = '/proc',
  ) {}

  editsFor(devices: readonly NodeDevice[]): VendorEdits {
    const specs = this.specs().filter(({ kind }) => kind === this.vendor.cdiKind);
    const found = devices.map((device) => findDevice(specs, this.vendor, device));
    const bare = devices.filter((_, at) => found[at] === null);
    const nodes = bare.length === 0 ? {} : { deviceNodes: nodesOf(this.vendor, bare, this.procDir) };
    const told = found.filter((entry) => entry !== null);
    const edits = told.flatMap(({ spec, own }) => [spec.containerEdits ?? {}, own]);
    return { edits: mergeEdits([...edits, nodes]), declaredVersion: told[0]?.spec.cdiVersion ?? null };
  }

  private specs(): readonly CdiSpec[] {
    const paths = this.folders.flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
    for (const path of this.read.keys()) if (!paths.includes(path)) this.read.delete(path);
    return paths.map((path) => this.specAt(path)).filter((spec) => spec !== null);
  }

  private specAt(path: string): CdiSpec | null {
    const found = statSync(path, { throwIfNoEntry: false });
    const mark = `${found?.ino}:${found?.mtimeMs}:${found?.size}`;
    const known = this.read.get(path);
    if (known?.mark === mark) return known.spec;
    const spec = readSpecFile(path);
    this.read.set(path, { mark, spec });
    return spec;
  }
}

interface Found {
  readonly spec: CdiSpec;
  readonly own: ContainerEdits;
}

function findDevice(specs: readonly CdiSpec[], vendor: Vendor, device: NodeDevice): Found | null {
  const isOfIndex = (own: ContainerEdits): boolean => !isAnother(own, vendor, device);
  return findNamed(specs, device.id, () => true) ?? findNamed(specs, String(device.index), isOfIndex);
}

function findNamed(
  specs: readonly CdiSpec[],
  name: string,
  isRight: (own: ContainerEdits) => boolean,
): Found | null {
  for (const spec of specs) {
    const own = spec.devices.find((entry) => entry.name === name)?.containerEdits;
    if (own !== undefined && isRight(own)) return { spec, own };
  }
  return null;
}

/** The vendor's tool may count otherwise than its library: an index that leads to another device's node is not ours. */
function isAnother({ deviceNodes = [] }: ContainerEdits, vendor: Vendor, { minor }: NodeDevice): boolean {
  const [before = '', after = ''] = vendor.deviceNodes.each.split('{minor}');
  const told = deviceNodes.map(({ path }) => String(path));
  const numbered = told.filter((path) => /^\d+$/.test(path.slice(before.length, path.length - after.length)));
  const own = numbered.filter((path) => path.startsWith(before) && path.endsWith(after));
  return own.length > 0 && !own.includes(`${before}${minor}${after}`);
}

function namesIn(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder);
    return names.filter((name) => /\.(json|ya?ml)$/.test(name) && !name.startsWith(OUR_FILES)).sort();
  } catch {
    // A folder that is not there holds no spec.
    return [];
  }
}

function readSpecFile(path: string): CdiSpec | null {
  try {
    // JSON is YAML, but JSON.parse is many times faster on specs of thousands of lines.
    const text = readFileSync(path, 'utf8');
    return readSpec(path.endsWith('.json') ? JSON.parse(text) : parse(text));
  } catch {
    // Another vendor's file, half-written or broken: the runtime skips it too.
    return null;
  }
}

function nodesOf(
  vendor: Vendor,
  devices: readonly NodeDevice[],
  procDir: string,
): readonly { path: string }[] {
  const each = devices.map(({ minor }) => vendor.deviceNodes.each.replace('{minor}', String(minor)));
  const parts = devices.flatMap((device) => instanceNodesOf(vendor, device, procDir));
  return [...new Set([...each, ...parts, ...vendor.deviceNodes.common])]
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isCharacterDevice() === true)
    .map((path) => ({ path }));
}

/** The kernel numbers the nodes of instances as it likes, and lists what is whose. */
export function instanceNodesOf(vendor: Vendor, device: NodeDevice, procDir: string): readonly string[] {
  const { instances } = vendor.deviceNodes;
  if (device.instance === undefined || instances === undefined) return [];
  const { gpu, compute } = device.instance;
  const numbers = new Map(
    linesOf(join(procDir, instances.list)).map((line) => line.split(' ') as [string, string]),
  );
  const named = { '{minor}': device.minor, '{gpu}': gpu, '{compute}': compute };
  return instances.names
    .map((form) =>
      Object.entries(named).reduce((name, [key, value]) => name.replace(key, String(value)), form),
    )
    .map((name) => numbers.get(name))
    .filter((number) => number !== undefined)
    .map((number) => instances.each.replace('{number}', number));
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    // A driver that was never asked for instances lists none.
    return [];
  }
}
