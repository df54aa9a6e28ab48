// SPDX-License-Identifier: Apache-2.0
// PreStart's surroundings without a node: a store on disk, pods and PodResources as lists a test edits.
import type { NodeDevice } from '../../device-plugin/node-device.js';
import type { PodView } from '../../device-plugin/pod-view.js';
import { PreStart } from '../../device-plugin/pre-start.js';
import { SlotStore } from '../../device-plugin/slots.js';
import type { PodResources } from '../../src/adapters/kubelet/pod-resources.js';
import type { Placement } from '../../src/core/placement.js';
import { encodePlacement } from '../../src/wire/placement.js';
import { twoDevices } from '../builders/slots.js';

export const RESOURCE = 'nvidia.com/gpu';

export class FakeNode {
  readonly pods = new Map<string, PodView>();
  readonly shown: PodResources[] = [];
  readonly devices: Map<string, NodeDevice> = twoDevices();
  readonly ensured: string[] = [];
  readonly cleared: string[] = [];
  /** Slots whose specs the runtime was waited for. */
  readonly awaited: string[] = [];
  readonly changed: string[] = [];
  /** GETs of a pod, lists of the node, lists of the kubelet, sweeps. */
  readonly asked = { read: 0, readAll: 0, shown: 0, sweep: 0 };
  isApiAway = false;
  /** Placements that the watch tells while somebody waits for one. */
  readonly later = new Map<string, Placement>();
  onSweep: () => Promise<void> = async () => {};

  private constructor(
    readonly store: SlotStore,
    private readonly folder: string,
  ) {}

  static async open(folder: string): Promise<FakeNode> {
    return new FakeNode(await SlotStore.open(folder, RESOURCE), folder);
  }

  /** As after a kill: memory is lost, the disk is not. */
  async restarted(): Promise<FakeNode> {
    const node = new FakeNode(await SlotStore.open(this.folder, RESOURCE), this.folder);
    for (const [name, pod] of this.pods) node.pods.set(name, pod);
    node.shown.push(...this.shown);
    return node;
  }

  preStart(): PreStart {
    return new PreStart({
      resource: RESOURCE,
      node: 'n1',
      store: this.store,
      pods: {
        read: async (namespace, name) => this.answer('read', this.pods.get(`${namespace}/${name}`) ?? null),
        readAll: async () => this.answer('readAll', [...this.pods.values()]),
        until: async (uid) => this.placedLater(uid),
        isOver: (uid) => [...this.pods.values()].some((pod) => pod.uid === uid && pod.isOver),
      },
      shown: {
        list: async () => {
          this.asked.shown += 1;
          return this.shown;
        },
      },
      pages: {
        ensure: ({ slot }) => void this.ensured.push(slot),
        clearRegion: (slot) => void this.cleared.push(slot),
        specPath: (slot) => slot,
      },
      reader: { awaitRead: async (slot) => void this.awaited.push(slot) },
      devices: () => this.devices,
      sweep: async () => {
        this.asked.sweep += 1;
        await this.onSweep();
      },
      nowMs: () => 7,
      onChangedPlacement: ({ uid }) => void this.changed.push(uid),
      onStart: () => {},
    });
  }

  /** Puts a pod on the node; the kubelet shows the ids given. */
  place(pod: PodView, ids: Readonly<Record<string, readonly string[]>> | null): void {
    this.pods.set(`${pod.namespace}/${pod.name}`, pod);
    if (ids === null) return;
    const containers = Object.entries(ids).map(([name, held]) => ({
      name,
      devices: [{ resourceName: RESOURCE, deviceIds: [...held] }],
    }));
    this.shown.push({ namespace: pod.namespace, name: pod.name, containers });
  }

  private placedLater(uid: string): PodView | null {
    const pod = [...this.pods.values()].find((entry) => entry.uid === uid);
    const placement = this.later.get(uid);
    return pod === undefined || placement === undefined
      ? null
      : { ...pod, placement: encodePlacement(placement) };
  }

  private answer<T>(what: 'read' | 'readAll', value: T): T {
    this.asked[what] += 1;
    if (this.isApiAway) throw new Error('the API server cannot be reached');
    return value;
  }
}
