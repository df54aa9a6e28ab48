// SPDX-License-Identifier: Apache-2.0
// Letter: what the ledger knows, as plain JSON for people and for `kerf replay`. Units are in the names.
// Only what placing counts stands in it: no environment, image, command, label or annotation of any pod.
//
//   {"v":2,"revision":7,"defaults":{"nodePolicy":"binpack","devicePolicy":"binpack"},"policy":{"version":1,"rules":[…]},
//    "nodes":[{"name":"n1",…,"vendors":{"<vendor>":{"slots":20,…,"devices":[{"id":"GPU-…",…,"held":{…}}],"links":[…]}}}],
//    "pods":[{"uid":"…","pod":"team/a","node":"n1","claim":"placed","containers":[…],"slots":{…},"placement":{…}}]}
//
// What nodes are said to hold is for people: a reader adds it up again from the pods.
import type { Device } from '../core/device.js';
import type { Holding } from '../core/holding.js';
import type { DeviceState, NodeView, VendorView } from '../core/node.js';
import type { Look } from '../core/packing/look.js';
import type { PlacingRules } from '../core/policies.js';
import { NO_POLICY, type PolicyDocument } from '../core/policy-document.js';
import type { Snapshot } from '../core/snapshot.js';
import { encodeDemand } from './demand.js';
import { triangleOf } from './links.js';
import { encodePlacement } from './placement.js';
import { devicePolicyText, nodePolicyText } from './policy-text.js';

export const SNAPSHOT_VERSION = 2;

export interface SnapshotScene {
  readonly snapshot: Snapshot;
  readonly defaults: Pick<PlacingRules, 'nodePolicy' | 'devicePolicy'> &
    Partial<Pick<PlacingRules, 'packing'>>;
  /** In force; it stands before the defaults. Absent: none is. */
  readonly policy?: PolicyDocument;
}

/** `holdings`: who holds it, pod by pod. */
export function encodeSnapshot(
  { snapshot, defaults, policy = NO_POLICY }: SnapshotScene,
  holdings: Iterable<Holding>,
): object {
  return {
    v: SNAPSHOT_VERSION,
    revision: snapshot.revision,
    defaults: {
      nodePolicy: nodePolicyText(defaults.nodePolicy),
      devicePolicy: devicePolicyText(defaults.devicePolicy),
      ...demandRow(defaults.packing?.look),
    },
    ...(Object.keys(policy).length > 1 ? { policy } : {}),
    nodes: [...snapshot.allNodes()].map(nodeRow),
    pods: [...holdings].map(podRow),
  };
}

/** Before anybody asked there is nothing to tell. */
const demandRow = (look: Look | undefined): object =>
  look === undefined || look.asked.length === 0 ? {} : { demand: encodeDemand(look) };

function podRow(holding: Holding): object {
  const { uid, pod, node, state, claim, trouble, containers, slots, isInitOnly, cpuMilli } = holding;
  return {
    ...{ uid, pod, node, state, claim: claim.kind },
    ...(trouble === '' ? {} : { trouble }),
    containers: containers.map(({ name, kind }) => ({ name, kind })),
    slots: Object.fromEntries(slots),
    initOnly: isInitOnly,
    ...(cpuMilli === 0 ? {} : { cpuMilli }),
    ...(claim.kind === 'placed'
      ? { placement: JSON.parse(encodePlacement(claim.placement)) as unknown }
      : {}),
  };
}

function nodeRow(node: NodeView): object {
  const vendors = Object.fromEntries([...node.vendors].map(([name, view]) => [name, vendorRow(view)]));
  const { name, revision, heldBy, initOnly, cpu } = node;
  const told = cpu.allocatable === 0 && cpu.held === 0 ? {} : cpuRow(cpu);
  return { name, revision, heldBy, initOnly, ...told, vendors };
}

const cpuRow = ({ allocatable, held }: NodeView['cpu']): object => ({
  cpuMilli: allocatable,
  heldCpuMilli: held,
});

function vendorRow({ devices, slots, slotsUsed, unreadable, links }: VendorView): object {
  const linked = links === null ? {} : { links: triangleOf(links) };
  return { slots, slotsUsed, unreadable, devices: devices.map(deviceRow), ...linked };
}

/** Where more may be given out than there is, that is what the row says; what is there stands beside it. */
function physicalRow({ physical }: Device): object {
  if (physical === undefined) return {};
  const { memory, cores, splits } = physical;
  return { physical: { memoryMiB: memory, corePercent: cores / 10, splits } };
}

function deviceRow({ device, hold, isCordoned }: DeviceState): object {
  return {
    id: device.id,
    index: device.index,
    model: device.model,
    memoryMiB: device.memory,
    corePercent: device.cores / 10,
    splits: device.splits,
    ...physicalRow(device),
    numa: device.numa,
    healthy: device.isHealthy,
    reason: device.reason,
    cordoned: isCordoned,
    held: {
      memoryMiB: hold.memory,
      corePercent: hold.cores / 10,
      slices: hold.slices,
      exclusive: hold.isExclusive,
    },
  };
}
