// SPDX-License-Identifier: Apache-2.0
// The snapshot letter read back (see wire/snapshot). The file came by mail: one sentence names what cannot be read.
import type { Device } from '../core/device.js';
import type { Claim, ContainerKinds, Sighting } from '../core/holding.js';
import { type NodeFacts, UNTOLD } from '../core/node.js';
import { NO_LOOK } from '../core/packing/look.js';
import { Prospect } from '../core/packing/prospect.js';
import type { PlacingRules } from '../core/policies.js';
import { NO_POLICY, type PolicyDocument } from '../core/policy-document.js';
import { err, ok, type Result } from '../core/result.js';
import type { LinkMatrix } from '../core/topology.js';
import { mib, milliCores } from '../core/units.js';
import { decodeDemand } from './demand.js';
import { type Announced, decodeInventory, INVENTORY_VERSION } from './inventory.js';
import { isCount, isRecord, parseJson, shown } from './json.js';
import { decodePlacement } from './placement.js';
import { readDevicePolicy, readNodePolicy } from './policy-text.js';
import { SNAPSHOT_VERSION } from './snapshot.js';

/** All it takes to fill a ledger anew. */
export interface Recorded {
  readonly revision: number;
  readonly defaults: PlacingRules;
  readonly policy: PolicyDocument;
  readonly nodes: readonly NodeFacts[];
  readonly pods: readonly Sighting[];
  /** Node → CPU in thousandths of pods that are not told one by one: they ask for no device. */
  readonly beside: ReadonlyMap<string, number>;
}

/** Checks the policy document, which takes what this room may not import (adapters/policy). */
export type PolicyReader = (value: unknown) => Result<PolicyDocument, string>;

export function decodeSnapshot(text: string, readPolicy: PolicyReader): Result<Recorded, string> {
  const letter = parseJson(text);
  if (!isRecord(letter)) return err('the snapshot is not a JSON object');
  if (letter.v !== SNAPSHOT_VERSION)
    return err(`the snapshot has version ${shown(letter.v)}, not ${SNAPSHOT_VERSION}`);
  const { revision } = letter;
  if (!isCount(revision)) return err(`revision is ${shown(revision)}: want a whole number`);
  const defaults = defaultsOf(letter.defaults);
  if (!defaults.ok) return defaults;
  // A letter from before there was one says nothing of it.
  const policy = letter.policy === undefined ? ok(NO_POLICY) : readPolicy(letter.policy);
  if (!policy.ok) return err(`policy: ${policy.error}`);
  const nodes = each('nodes', letter.nodes, nodeOf);
  if (!nodes.ok) return nodes;
  const pods = each('pods', letter.pods, podOf);
  if (!pods.ok) return pods;
  const beside = besideOf(nodes.value, pods.value);
  const facts = nodes.value.map((row) => row.facts);
  const said = { defaults: defaults.value, policy: policy.value };
  return ok({ revision, ...said, nodes: facts, pods: pods.value, beside });
}

function each<T>(
  field: string,
  list: unknown,
  read: (row: Record<string, unknown>) => Result<T, string>,
): Result<readonly T[], string> {
  if (!Array.isArray(list)) return err(`${field} is ${shown(list)}: want a list`);
  const items: T[] = [];
  for (const [at, row] of (list as unknown[]).entries()) {
    const item = isRecord(row) ? read(row) : err(`is ${shown(row)}: want an object`);
    if (!item.ok) return err(`${field}[${at}] ${item.error}`);
    items.push(item.value);
  }
  return ok(items);
}

function defaultsOf(value: unknown): Result<PlacingRules, string> {
  const said = isRecord(value) ? value : {};
  const nodePolicy = readNodePolicy(textOf(said.nodePolicy));
  if (!nodePolicy.ok) return err(`defaults.nodePolicy is ${shown(said.nodePolicy)}: ${nodePolicy.error}`);
  const devicePolicy = readDevicePolicy(textOf(said.devicePolicy));
  if (!devicePolicy.ok)
    return err(`defaults.devicePolicy is ${shown(said.devicePolicy)}: ${devicePolicy.error}`);
  const look = said.demand === undefined ? NO_LOOK : decodeDemand(said.demand);
  if (look === null) return err('defaults.demand cannot be read: want turnover, fleet and asked');
  const packing = new Prospect(look, 1);
  return ok({ nodePolicy: nodePolicy.value, devicePolicy: devicePolicy.value, packing });
}

/** Letters of before CPU was told have none. */
const countIn = (value: unknown): number => (isCount(value) ? value : 0);

/** What pods that ask for no device take of each node: all that is held, less what ours hold. */
function besideOf(nodes: readonly NodeRow[], pods: readonly Sighting[]): ReadonlyMap<string, number> {
  const beside = new Map(nodes.map(({ facts, heldCpuMilli }) => [facts.name, heldCpuMilli]));
  for (const { node, cpuMilli } of pods) beside.set(node, Math.max(0, (beside.get(node) ?? 0) - cpuMilli));
  return beside;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

interface NodeRow {
  readonly facts: NodeFacts;
  /** All pods' CPU there, in thousandths. */
  readonly heldCpuMilli: number;
}

function nodeOf({ name, vendors, ...row }: Record<string, unknown>): Result<NodeRow, string> {
  if (typeof name !== 'string' || name === '') return err(`has name ${shown(name)}: want a text`);
  if (!isRecord(vendors)) return err(`has vendors ${shown(vendors)}: want an object`);
  const devices: Device[] = [];
  const cordoned = new Set<string>();
  const unreadable = new Map<string, string>();
  const slots = new Map<string, number>();
  const links = new Map<string, LinkMatrix>();
  for (const [vendor, row] of Object.entries(vendors)) {
    const read = vendorOf(vendor, isRecord(row) ? row : {});
    if (!read.ok) return read;
    devices.push(...read.value.devices);
    for (const id of read.value.cordoned) cordoned.add(id);
    slots.set(vendor, read.value.slots);
    if (read.value.links !== null) links.set(vendor, read.value.links);
    if (read.value.unreadable !== null) unreadable.set(vendor, read.value.unreadable);
  }
  const facts = {
    name,
    devices,
    unreadable,
    slots,
    cordoned,
    ...UNTOLD,
    links,
    cpuMilli: countIn(row.cpuMilli),
  };
  return ok({ facts, heldCpuMilli: countIn(row.heldCpuMilli) });
}

interface VendorPart extends Announced {
  readonly cordoned: readonly string[];
  readonly slots: number;
  readonly unreadable: string | null;
}

/** Its devices are the rows of an inventory, with more in each. */
function vendorOf(vendor: string, row: Record<string, unknown>): Result<VendorPart, string> {
  const { devices: rows, slots, unreadable, links } = row;
  const read = decodeInventory(vendor, JSON.stringify({ v: INVENTORY_VERSION, devices: rows, links }));
  if (!read.ok || !Array.isArray(rows)) return err(`has devices of ${vendor} that cannot be read`);
  if (!isCount(slots)) return err(`has slots of ${vendor} ${shown(slots)}: want a whole number`);
  const devices = read.value.devices.map((device, at) => withPhysical(device, rows[at]));
  if (devices.includes(null)) return err(`has devices of ${vendor} whose physical cannot be read`);
  const told = typeof unreadable === 'string' ? unreadable : null;
  const whole = { ...read.value, devices: devices as Device[] };
  return ok({ ...whole, cordoned: cordonedIn(rows), slots, unreadable: told });
}

/** null: it cannot be read. */
function withPhysical(device: Device, row: unknown): Device | null {
  const physical = isRecord(row) ? row.physical : undefined;
  if (physical === undefined) return device;
  const { memoryMiB, corePercent, splits } = isRecord(physical) ? physical : {};
  const cores = typeof corePercent === 'number' ? Math.round(corePercent * 10) : -1;
  if (!isCount(memoryMiB) || !isCount(cores) || !isCount(splits)) return null;
  return { ...device, physical: { memory: mib(memoryMiB), cores: milliCores(cores), splits } };
}

const cordonedIn = (rows: readonly unknown[]): readonly string[] =>
  rows.flatMap((row) => (isRecord(row) && row.cordoned === true ? [String(row.id)] : []));

function podOf(row: Record<string, unknown>): Result<Sighting, string> {
  const { uid, pod, node } = row;
  for (const [field, text] of Object.entries({ uid, pod, node }))
    if (typeof text !== 'string' || text === '') return err(`has ${field} ${shown(text)}: want a text`);
  const containers = containersOf(row.containers);
  if (containers === null) return err('has containers that cannot be read');
  const slots = slotsOf(row.slots);
  if (slots === null) return err(`has slots ${shown(row.slots)}: want vendors with whole numbers`);
  const claim = claimOf(row);
  if (!claim.ok) return claim;
  const names = { uid: uid as string, pod: pod as string, node: node as string };
  const rest = { isInitOnly: row.initOnly === true, cpuMilli: countIn(row.cpuMilli) };
  return ok({ ...names, containers, slots, ...rest, claim: claim.value });
}

const KINDS: readonly unknown[] = ['init', 'sidecar', 'app'];

function containersOf(value: unknown): ContainerKinds | null {
  if (!Array.isArray(value)) return null;
  const rows = (value as unknown[]).filter(isRecord);
  const isRead = rows.every(({ name, kind }) => typeof name === 'string' && KINDS.includes(kind));
  if (!isRead || rows.length !== value.length) return null;
  return rows.map(({ name, kind }) => ({ name, kind })) as ContainerKinds;
}

function slotsOf(value: unknown): ReadonlyMap<string, number> | null {
  if (!isRecord(value) || !Object.values(value).every(isCount)) return null;
  return new Map(Object.entries(value) as [string, number][]);
}

function claimOf({ claim, placement, trouble }: Record<string, unknown>): Result<Claim, string> {
  if (claim === 'none') return ok({ kind: 'none' });
  if (claim === 'unreadable')
    return ok({ kind: 'unreadable', detail: typeof trouble === 'string' ? trouble : '' });
  if (claim !== 'placed') return err(`has claim ${shown(claim)}: want one of placed, unreadable, none`);
  const read = decodePlacement(JSON.stringify(placement) ?? '');
  return read.ok ? ok({ kind: 'placed', placement: read.value }) : err(`has no placement: ${read.error}`);
}
