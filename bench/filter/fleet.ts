// SPDX-License-Identifier: Apache-2.0
// A filled ledger: nodes of 8 devices, so many slices a device, no two neighbours filled alike.
import type { Device } from '../../src/core/device.js';
import type { Sighting } from '../../src/core/holding.js';
import { type Assumption, Ledger } from '../../src/core/ledger.js';
import { type NodeFacts, UNTOLD } from '../../src/core/node.js';
import { mib, milliCores } from '../../src/core/units.js';

export const VENDOR = 'nvidia';
const DEVICES = 8;
const SPLITS = 10;
const CPU_MILLI = 96_000;

export interface FleetSize {
  readonly nodes: number;
  readonly slicesPerDevice: number;
}

export function filledLedger({ nodes, slicesPerDevice }: FleetSize): Ledger {
  const ledger = new Ledger();
  for (let node = 0; node < nodes; node++) {
    ledger.setNode(factsOf(node));
    for (let pod = 0; pod < DEVICES * slicesPerDevice; pod++) ledger.confirm(sightingOf(node, pod));
  }
  return ledger;
}

export const nodeName = (node: number): string => `gpu-node-${node}`;

export function factsOf(node: number): NodeFacts {
  const devices = Array.from({ length: DEVICES }, (_, at) => deviceOf(node, at));
  const slots = new Map([[VENDOR, DEVICES * SPLITS]]);
  const told = { ...UNTOLD, cpuMilli: CPU_MILLI };
  return { name: nodeName(node), devices, unreadable: new Map(), slots, cordoned: new Set(), ...told };
}

/** A pod of one slice on the device `pod % 8` of the node; the same arguments name the same pod. */
export function sightingOf(node: number, pod: number): Sighting {
  const memory = mib(1024 * (1 + ((node * 7 + pod * 3) % 12)));
  const slices = [
    {
      deviceId: deviceId(node, pod % DEVICES),
      memory,
      cores: milliCores(100),
      isHigh: false,
      isAlone: false,
    },
  ];
  return {
    uid: `uid-${node}-${pod}`,
    pod: `bench/pod-${node}-${pod}`,
    containers: [{ name: 'main', kind: 'app' }],
    slots: new Map([[VENDOR, 1]]),
    isInitOnly: false,
    cpuMilli: 0,
    node: nodeName(node),
    claim: { kind: 'placed', placement: { containers: [{ name: 'main', slices }] } },
  };
}

/** The same pod as bind takes its room. */
export function assumptionOf(node: number, pod: number): Assumption {
  const { claim, ...facts } = sightingOf(node, pod);
  if (claim.kind !== 'placed') throw new Error('bug: a pod of the bench has no placement');
  return { ...facts, placement: claim.placement, until: 60_000 };
}

const deviceId = (node: number, at: number): string => `GPU-${node}-${at}`;

function deviceOf(node: number, index: number): Device {
  const size = { memory: mib(40_960), cores: milliCores(1000), splits: SPLITS };
  const health = { numa: index < 4 ? 0 : 1, isHealthy: true, reason: '' };
  return { id: deviceId(node, index), vendor: VENDOR, index, model: 'A100-SXM4-40GB', ...size, ...health };
}
