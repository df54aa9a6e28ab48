// SPDX-License-Identifier: Apache-2.0
// PreStartContainer: whose slot is it, may it have its slices, and then: write what the slot means.
//
//   ids ─▶ latest slot ─ bound ─▶ make sure its files stand ─▶ ok           (no API call: works while it is away)
//             └ unbound ─▶ PodResources ─▶ pod ─▶ fresh GET ─▶ placement ─▶ handover ─▶ fence ─▶ bind ─▶ files ─▶ ok
//
// A refusal is one sentence: it becomes the pod's event, and the kubelet asks again in 10 to 15 s.
import type { PodResources } from '../src/adapters/kubelet/pod-resources.js';
import type { Placement } from '../src/core/placement.js';
import { err, ok, type Result } from '../src/core/result.js';
import { PLACEMENT, SCHEDULER_NAME } from '../src/wire/names.js';
import { decodePlacement, encodePlacement } from '../src/wire/placement.js';
import { devicesOf } from './allocate.js';
import { fence } from './fence.js';
import type { NodeDevices } from './node-device.js';
import { type Handover, handover, isInitOnly, podsShowing, type ShownPod } from './handover.js';
import { holdersOf } from './holders.js';
import type { Pages } from './pages.js';
import type { PodView } from './pod-view.js';
import type { Pods } from './pods.js';
import { type BoundSlot, isBound, type Owner, type Slot, sameIds, slicesOf, sortedIds } from './slot.js';
import type { SlotStore } from './slots.js';
import type { SpecReader } from './spec-reader.js';

export interface PreStartParts {
  readonly resource: string;
  readonly node: string;
  readonly store: SlotStore;
  readonly pods: Pick<Pods, 'read' | 'readAll' | 'until' | 'isOver'>;
  readonly shown: { list(): Promise<readonly PodResources[]> };
  readonly pages: Pick<Pages, 'ensure' | 'clearRegion' | 'specPath'>;
  /** Waits until the runtime has read a spec. */
  readonly reader: Pick<SpecReader, 'awaitRead'>;
  readonly devices: () => NodeDevices;
  /** Takes back what pods that ended still hold here. */
  readonly sweep: () => Promise<void>;
  readonly nowMs: () => number;
  /** The annotation no longer says what was honoured first. */
  readonly onChangedPlacement: (pod: PodView) => void;
  /** A container is about to start in this slot. */
  readonly onStart: (slot: BoundSlot) => void;
}

const WAIT_MS = 5_000;

type Answer<T> = Promise<Result<T, string>>;

export class PreStart {
  private readonly binding = new Map<string, Answer<void>>();

  constructor(private readonly parts: PreStartParts) {}

  /** Throws where the kubelet or the API server cannot be asked, or the disk fails. */
  async start(calledIds: readonly string[]): Answer<void> {
    const ids = sortedIds(calledIds);
    const slot = await this.find(ids);
    if (slot === undefined)
      return err(`${ids.join(', ')} was given out by nobody known here: delete the pod, its slot was lost`);
    if (!isBound(slot)) {
      const bound = await this.bindOnce(slot);
      if (!bound.ok) return bound;
    }
    await this.prepare(ids);
    return ok(undefined);
  }

  private async find(ids: readonly string[]): Promise<Slot | undefined> {
    const slot = this.parts.store.latest(ids);
    if (slot !== undefined) return slot;
    await this.parts.store.reload();
    return this.parts.store.latest(ids);
  }

  /** All the pod's slots, for an init container may share its ids with an app container. */
  private async prepare(ids: readonly string[]): Promise<void> {
    const { store, pages, devices, onStart, reader } = this.parts;
    const slot = store.latest(ids);
    if (slot === undefined || !isBound(slot)) throw new Error('bug: a slot was bound and is not');
    const mine = store.ofPod(slot.owner.podUid);
    const starting = mine.filter((other) => sameIds(other.ids, ids));
    for (const own of starting) {
      pages.clearRegion(own.slot);
      pages.ensure(own, devices());
      onStart(own);
    }
    for (const other of mine.filter((entry) => !starting.includes(entry))) pages.ensure(other, devices());
    await Promise.all(starting.map((own) => reader.awaitRead(pages.specPath(own.slot))));
  }

  /** The kubelet calls again after 30 s without cancelling: both calls then wait for one answer. */
  private bindOnce(slot: Slot): Answer<void> {
    const running = this.binding.get(slot.slot);
    if (running !== undefined) return running;
    const answer = this.bind(slot).finally(() => this.binding.delete(slot.slot));
    this.binding.set(slot.slot, answer);
    return answer;
  }

  private async bind(slot: Slot): Answer<void> {
    const shown = (await this.parts.shown.list()).map((pod) => shownPod(pod, this.parts.resource));
    const showing = podsShowing(slot.ids, shown);
    const pod = showing.length > 0 ? await this.readShown(showing) : await this.findInitOnly();
    if (!pod.ok) return pod;
    const placement = await this.placementOf(pod.value);
    if (!placement.ok) return placement;
    const shownAs = showing.find(({ namespace, name }) => isNamed(pod.value, namespace, name)) ?? null;
    const owners = this.divide({ pod: pod.value, slot, shown: shownAs, placement: placement.value });
    if (!owners.ok) return owners;
    return this.commit(owners.value);
  }

  /** PodResources carries no UID, and older kubelets list pods that ended: the API server tells. */
  private async readShown(showing: readonly ShownPod[]): Answer<PodView> {
    const read = showing.map(({ namespace, name }) => this.parts.pods.read(namespace, name, WAIT_MS));
    const found = (await Promise.all(read)).filter((pod) => pod !== null);
    const here = uniqueByUid(found.filter((pod) => !pod.isOver && pod.node === this.parts.node));
    const [pod] = here;
    const names = showing.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
    if (pod === undefined) return err(`pod ${names} has these slots and is not on this node any more`);
    return here.length === 1
      ? ok(pod)
      : err(`${names} all seem to have these slots: the kubelet must free some first`);
  }

  /** A pod in which only init containers ask is listed nowhere with its ids. */
  private async findInitOnly(): Answer<PodView> {
    const { pods, store } = this.parts;
    const all = await pods.readAll(WAIT_MS);
    const waiting = all.filter(
      (pod) => !pod.isOver && isInitOnly(pod.asking) && store.ofPod(pod.uid).length === 0,
    );
    const [pod] = waiting;
    if (pod === undefined)
      return err('the kubelet shows no pod with these slots, and no pod here waits for one');
    if (waiting.length === 1) return ok(pod);
    const names = waiting.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
    return err(
      `only init containers ask for slots in ${names}: whose these are cannot be told until one remains`,
    );
  }

  /** What was honoured first for this UID; only a pod new here is read for its letter. */
  private async placementOf(pod: PodView): Answer<Placement> {
    const known = this.parts.store.ofPod(pod.uid)[0]?.owner.placement;
    if (known === undefined) return this.readPlacement(pod);
    if (hasChanged(pod, known)) this.parts.onChangedPlacement(pod);
    return ok(known);
  }

  private async readPlacement(pod: PodView): Answer<Placement> {
    const name = `${pod.namespace}/${pod.name}`;
    const placed = pod.placement === null ? await this.awaitPlacement(pod) : pod;
    if (placed === null)
      return err(
        `pod ${name} was not placed by Kerf: it holds no ${PLACEMENT}; let schedulerName ${SCHEDULER_NAME} place it`,
      );
    const letter = decodePlacement(placed.placement ?? '');
    return letter.ok ? letter : err(`${PLACEMENT} of pod ${name} cannot be obeyed: ${letter.error}`);
  }

  private awaitPlacement(pod: PodView): Promise<PodView | null> {
    return this.parts.pods.until(pod.uid, ({ placement }) => placement !== null, WAIT_MS);
  }

  private divide(question: DivideQuestion): Result<readonly BoundSlot[], string> {
    const { pod, slot, shown, placement } = question;
    const { store, nowMs } = this.parts;
    const slots = store.all();
    const divided = handover({ slots, podUid: pod.uid, asking: pod.asking, shown, called: slot.ids });
    if (!divided.ok) return divided;
    if (![...divided.value.values()].some((own) => sameIds(own.ids, slot.ids)))
      return err(`${slot.ids.join(', ')} belongs to no container of pod ${pod.namespace}/${pod.name}`);
    return ownersOf(divided.value, { pod, placement, boundAtMs: nowMs() });
  }

  /** Between fence and store.put nothing may wait: two pods would pass the fence for the same room. */
  private async commit(slots: readonly BoundSlot[]): Answer<void> {
    const first = this.check(slots);
    if (!first.ok) {
      await this.parts.sweep();
      const second = this.check(slots);
      if (!second.ok) return second;
    }
    // The last given last: a kill between two records must leave unbound the one that the next PreStart looks up.
    await this.parts.store.put([...slots].sort((a, b) => a.seq - b.seq));
    return ok(undefined);
  }

  private check(slots: readonly BoundSlot[]): Result<void, string> {
    const { store, pods, devices } = this.parts;
    const [broken] = store.unreadable();
    if (broken !== undefined)
      return err(
        `what slot record ${broken.path} holds is unknown, it ${broken.reason}: remove it when no pod uses it`,
      );
    for (const { owner, ids } of slots) {
      const found = devicesOf(owner, devices());
      if (!found.ok) return found;
      if (found.value.length !== ids.length)
        return err(`container ${owner.container} has ${ids.length} slots and ${found.value.length} slices`);
    }
    const [newcomer] = slots;
    if (newcomer === undefined) return err('no container of the pod asks for a slot');
    return fence(devices(), holdersOf(store.bound(), pods), newcomer.owner);
  }
}

/** True when the pod's letter no longer says what is obeyed. */
export function hasChanged(pod: PodView, honoured: Placement): boolean {
  return pod.placement === null || !isSameLetter(pod.placement, honoured);
}

function isSameLetter(text: string, honoured: Placement): boolean {
  const letter = decodePlacement(text);
  return letter.ok && encodePlacement(letter.value) === encodePlacement(honoured);
}

interface DivideQuestion {
  readonly pod: PodView;
  readonly slot: Slot;
  readonly shown: ShownPod | null;
  readonly placement: Placement;
}

interface Binding {
  readonly pod: PodView;
  readonly placement: Placement;
  readonly boundAtMs: number;
}

function ownersOf(
  divided: Handover,
  { pod, placement, boundAtMs }: Binding,
): Result<readonly BoundSlot[], string> {
  const bound: BoundSlot[] = [];
  for (const [container, slot] of divided) {
    const { uid: podUid, namespace, name, containers } = pod;
    const owner: Owner = { podUid, namespace, pod: name, container, containers, placement, boundAtMs };
    if (slicesOf(owner).length === 0)
      return err(
        `the placement of pod ${namespace}/${name} gives container ${container} nothing, and it asks`,
      );
    bound.push({ ...slot, owner: slot.owner ?? owner });
  }
  return ok(bound);
}

function shownPod(pod: PodResources, resource: string): ShownPod {
  const ids = new Map<string, readonly string[]>();
  for (const { name, devices } of pod.containers) {
    const held = devices.filter((row) => row.resourceName === resource).flatMap((row) => row.deviceIds);
    if (held.length > 0) ids.set(name, held);
  }
  return { namespace: pod.namespace, name: pod.name, ids };
}

function uniqueByUid(pods: readonly PodView[]): readonly PodView[] {
  return [...new Map(pods.map((pod) => [pod.uid, pod])).values()];
}

const isNamed = (pod: PodView, namespace: string, name: string): boolean =>
  pod.namespace === namespace && pod.name === name;
