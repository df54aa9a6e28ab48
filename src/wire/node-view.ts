// SPDX-License-Identifier: Apache-2.0
// Letter: a node as the API server sends it, cut down to what placing needs. Total, as wire/pod-view.
import type { Device } from '../core/device.js';
import { ok } from '../core/result.js';
import type { LinkMatrix } from '../core/topology.js';
import type { NodeFacts } from '../core/node.js';
import { type Vendor, withCuts } from '../vendors/index.js';
import { type Announced, decodeInventory } from './inventory.js';
import { isRecord } from './json.js';
import { CORDON, inventoryOf } from './names.js';
import { readCpuMilli } from './pod-cpu.js';

const NOTHING = ok({ devices: [], links: null } satisfies Announced);

export function readNodeFacts(raw: unknown, vendors: readonly Vendor[]): NodeFacts {
  const node = recordOf(raw);
  const metadata = recordOf(node.metadata);
  const annotations = recordOf(metadata.annotations);
  const allocatable = recordOf(recordOf(node.status).allocatable);
  const devices: Device[] = [];
  const unreadable = new Map<string, string>();
  const slots = new Map<string, number>();
  const links = new Map<string, LinkMatrix>();
  for (const vendor of vendors) {
    const letter = annotations[inventoryOf(vendor.name)];
    const inventory = typeof letter === 'string' ? decodeInventory(vendor.name, letter) : NOTHING;
    if (!inventory.ok) unreadable.set(vendor.name, inventory.error);
    else {
      devices.push(...inventory.value.devices.map((device) => withCuts(vendor, device)));
      if (inventory.value.links !== null) links.set(vendor.name, inventory.value.links);
    }
    slots.set(vendor.name, countOf(allocatable[vendor.resources.count]));
  }
  const cpuMilli = readCpuMilli(allocatable.cpu);
  const name = typeof metadata.name === 'string' ? metadata.name : '';
  const cordoned = readCordon(annotations[CORDON]);
  return { name, devices, unreadable, slots, cordoned, links, labels: textsOf(metadata.labels), cpuMilli };
}

function textsOf(value: unknown): ReadonlyMap<string, string> {
  const texts = Object.entries(recordOf(value)).filter(([, text]) => typeof text === 'string');
  return new Map(texts as [string, string][]);
}

const EVERY_DEVICE = ['*', 'all'];

/** `*`, `all`, or a comma list of device ids. */
function readCordon(value: unknown): 'all' | ReadonlySet<string> {
  const ids = (typeof value === 'string' ? value : '').split(',').map((id) => id.trim());
  return EVERY_DEVICE.some((word) => ids.includes(word)) ? 'all' : new Set(ids.filter((id) => id !== ''));
}

/** What the API server writes for an extended resource: plain digits, or thousands with a k. */
function countOf(quantity: unknown): number {
  const match = /^(\d{1,12})(k?)$/.exec(typeof quantity === 'string' ? quantity : '');
  if (match === null) return 0;
  return Number(match[1]) * (match[2] === 'k' ? 1000 : 1);
}

const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
