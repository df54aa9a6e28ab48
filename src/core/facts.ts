// SPDX-License-Identifier: Apache-2.0
import type { NodeFacts, NodeView } from './node.js';

/** What the node said of itself, read back from its view. */
export function factsOf({ name, vendors, labels, cpu }: NodeView): NodeFacts {
  const states = [...vendors.values()].flatMap(({ devices }) => devices);
  return {
    name,
    devices: states.map(({ device }) => device),
    unreadable: new Map(
      [...vendors].flatMap(([vendor, { unreadable }]) =>
        unreadable === null ? [] : [[vendor, unreadable] as const],
      ),
    ),
    slots: new Map([...vendors].map(([vendor, { slots }]) => [vendor, slots])),
    labels,
    links: new Map(
      [...vendors].flatMap(([vendor, { links }]) => (links === null ? [] : [[vendor, links] as const])),
    ),
    cpuMilli: cpu.allocatable,
    cordoned: new Set(states.filter(({ isCordoned }) => isCordoned).map(({ device }) => device.id)),
  };
}
