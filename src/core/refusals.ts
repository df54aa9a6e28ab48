// SPDX-License-Identifier: Apache-2.0
// One row per kind of refusal: would evicting help, and the sentence for people.
// kube-scheduler counts equal sentences ("3 memory short …"), so a sentence names no node, no pod and no
// device, and free amounts are rounded down: nodes that fail alike read alike. docs/errors.md is held to this table.
import type { Curable, DeviceRefusal, NodeRefusal, Refusal } from './refusal.js';
import type { MilliCores } from './units.js';

export interface RefusalRow<R> {
  readonly curable: Curable | ((refusal: R) => Curable);
  readonly text: (refusal: R) => string;
}

type Rows<R extends Refusal> = { readonly [K in R['kind']]: RefusalRow<Extract<R, { kind: K }>> };

const HELP: Curable = 'by-preemption';

export const DEVICE_REFUSALS: Rows<DeviceRefusal> = {
  Unhealthy: { curable: 'never', text: () => 'unhealthy' },
  Cordoned: { curable: 'never', text: () => 'cordoned' },
  WrongModel: { curable: 'never', text: () => 'model not wanted' },
  WrongDevice: { curable: 'never', text: () => 'device not wanted' },
  TooSmall: { curable: 'never', text: (r) => `too small: ${r.want} MiB wanted, ${r.have} MiB in all` },
  TooWeak: {
    curable: 'never',
    text: (r) => `too weak: ${percent(r.want)} wanted, ${percent(r.have)} in all`,
  },
  NoCut: { curable: 'never', text: () => 'cannot be cut to what is wanted' },
  MemoryShort: {
    curable: HELP,
    text: (r) => `memory short: ${r.want} MiB wanted, ${roundMiB(r.free)} MiB free`,
  },
  CoresShort: {
    curable: HELP,
    text: (r) => `compute short: ${percent(r.want)} wanted, ${percent(r.free)} free`,
  },
  SlicesShort: { curable: HELP, text: (r) => `all ${r.splits} slices taken` },
  HeldExclusively: { curable: HELP, text: () => 'held alone by another pod' },
  NotEmpty: { curable: HELP, text: () => 'in use by others, and a device alone is wanted' },
};

export const NODE_REFUSALS: Rows<NodeRefusal> = {
  UnknownNode: { curable: 'never', text: () => 'node not known to Kerf yet' },
  NoDevices: { curable: 'never', text: () => 'no devices of the wanted vendor' },
  InventoryUnreadable: { curable: 'never', text: () => 'device inventory cannot be read' },
  HeldByUnreadablePlacement: {
    curable: 'never',
    text: () => 'held whole: a pod there has a placement that cannot be read',
  },
  TooFewDevices: { curable: 'never', text: (r) => `too few devices: ${r.want} wanted, ${r.have} present` },
  NoDeviceFits: { curable: curableByDevices, text: textByDevices },
  NumaShort: {
    curable: HELP,
    text: (r) =>
      `too few devices on one NUMA node: ${r.want} wanted, at most ${Math.max(0, ...Object.values(r.fit))} fit`,
  },
  NoSlots: { curable: 'never', text: () => 'no device slots offered: is the device plugin running?' },
  SlotsShort: {
    curable: (r) => (r.have >= r.want ? HELP : 'never'),
    text: (r) => `device slots short: ${r.want} wanted, ${r.free} free`,
  },
  InitOnlyInFlight: {
    curable: 'never',
    text: () => 'busy starting another pod whose init containers alone ask for devices',
  },
  BadRequest: { curable: 'never', text: (r) => r.sentence },
};

export function curableOf(refusal: Refusal): Curable {
  const { curable } = rowOf(refusal);
  return typeof curable === 'function' ? curable(refusal) : curable;
}

/** One short sentence without a full stop. */
export function textOf(refusal: Refusal): string {
  return rowOf(refusal).text(refusal);
}

const ROWS = { ...DEVICE_REFUSALS, ...NODE_REFUSALS } as Readonly<Record<string, RefusalRow<never>>>;

function rowOf(refusal: Refusal): RefusalRow<Refusal> {
  return ROWS[refusal.kind] as RefusalRow<Refusal>;
}

type NoDeviceFits = Extract<NodeRefusal, { kind: 'NoDeviceFits' }>;

/** Evicting helps when enough devices would fit once emptied. */
function curableByDevices(refusal: NoDeviceFits): Curable {
  const curable = Object.values(refusal.devices).filter((device) => curableOf(device) === HELP);
  return refusal.fit + curable.length >= refusal.want ? HELP : 'never';
}

/** "memory short on all 2 devices: 50000 MiB wanted, at most 39936 MiB free", or counts where reasons differ. */
function textByDevices(refusal: NoDeviceFits): string {
  const groups = byKind(Object.values(refusal.devices));
  // Begins with a word: kube-scheduler puts its count of nodes before the sentence.
  const wanted = refusal.want > 1 ? `only ${refusal.fit} of ${refusal.want} wanted devices fit: ` : '';
  const [only] = groups.values();
  if (groups.size === 1 && only !== undefined && refusal.fit === 0) return wanted + textForAll(only);
  const counted = [...groups.values()]
    .sort((a, b) => b.length - a.length || kindOf(a).localeCompare(kindOf(b)))
    .map((devices) => `${devices.length} ${shortText(devices)}`);
  return `${wanted === '' ? 'no device fits: ' : wanted}${counted.join(', ')}`;
}

function byKind(devices: readonly DeviceRefusal[]): Map<string, DeviceRefusal[]> {
  const groups = new Map<string, DeviceRefusal[]>();
  for (const device of devices) groups.set(device.kind, [...(groups.get(device.kind) ?? []), device]);
  return groups;
}

function textForAll(devices: readonly DeviceRefusal[]): string {
  const [what, detail] = shortText(devices).split(': ', 2);
  const where = devices.length === 1 ? 'on the only device' : `on all ${devices.length} devices`;
  return detail === undefined ? `${what} ${where}` : `${what} ${where}: ${detail}`;
}

/** The text of the device that comes closest: the largest free amount is the one that says most. */
function shortText(devices: readonly DeviceRefusal[]): string {
  const closest = devices.reduce((best, device) => (roomOf(device) > roomOf(best) ? device : best));
  const text = textOf(closest);
  return devices.length === 1 ? text : text.replace(/, (\d+)( MiB| %) free$/, ', at most $1$2 free');
}

function roomOf(device: DeviceRefusal): number {
  if ('free' in device) return device.free;
  if ('splits' in device) return device.splits;
  return 'have' in device ? device.have : 0;
}

const kindOf = (devices: readonly DeviceRefusal[]): string => devices[0]?.kind ?? '';

/** Down to whole GiB, below that to 128 MiB. */
export function roundMiB(memory: number): number {
  const step = memory >= 1024 ? 1024 : 128;
  return memory - (memory % step);
}

const percent = (cores: MilliCores): string => `${cores / 10} %`;
