// SPDX-License-Identifier: Apache-2.0
// The one search: which devices of a node would each container of a pod get? place reads the answer off, canPlace only
// whether there is one. Rows are kept from node to node, so that nothing is allocated per node.
import { withNumbers } from './alike.js';
import { misfitAlone } from './alone.js';
import { type Chain, ChainOfCount } from './chain.js';
import { Chooser } from './choose.js';
import { asCut, memoryOn } from './cut.js';
import type { Device, Hold } from './device.js';
import { misfit, type Wish } from './fit.js';
import type { Misfits } from './misfits.js';
import type { DeviceState, NodeView, VendorView } from './node.js';
import type { Packing } from './packing/packing.js';
import type { DeviceRefusal } from './refusal.js';
import type { ContainerKind } from './request.js';
import { Remembered } from './remembered.js';
import type { DeviceSight } from './sight.js';
import { add, copy, tally } from './tally.js';
import { besideOf, book, clear, emptyRow, takeSlice, type TrialRow } from './trial-row.js';

export interface TrialContainer {
  readonly kind: ContainerKind;
  readonly wishes: readonly Wish[];
}

export interface TrialRules {
  readonly chain: Chain;
  readonly packing: Packing;
  /** Of the whole pod, in thousandths. */
  readonly cpuMilli: number;
  /** All devices of a container and vendor from one NUMA node. */
  readonly isOneNuma: boolean;
}

export interface TrialTask {
  readonly container: number;
  readonly kind: ContainerKind;
  readonly wish: Wish;
  /** Number of the vendor among those that the pod asks. */
  readonly vendor: number;
  readonly chain: ChainOfCount;
  readonly isOneNuma: boolean;
  readonly isLastOfContainer: boolean;
  /** Places of the devices chosen. */
  readonly picked: number[];
}

type Sight = { -readonly [K in keyof DeviceSight]: DeviceSight[K] };

const NO_DEVICES: readonly DeviceState[] = [];

const likes = new Remembered(0.5);

export class Trial {
  /** In order of serving. */
  readonly tasks: readonly TrialTask[];
  /** The task that found no devices; null while none has failed. */
  failed: TrialTask | null = null;
  /** Per vendor that the pod asks. */
  private readonly rowsOf: readonly TrialRow[][];
  private readonly seen = tally();
  private readonly chooser = new Chooser();
  private readonly candidates: number[] = [];
  private readonly sight: Sight;
  private node: NodeView | null = null;
  /** Of the task's vendor, with a row each. */
  private list = withNumbers(NO_DEVICES);
  private devices = NO_DEVICES;
  private rows: TrialRow[] = [];

  /** `order`: indexes of containers. */
  constructor(containers: readonly TrialContainer[], order: readonly number[], rules: TrialRules) {
    const vendors: string[] = [];
    const numberOf = (vendor: string): number =>
      vendors.includes(vendor) ? vendors.indexOf(vendor) : vendors.push(vendor) - 1;
    this.tasks = order.flatMap((container) => {
      const { kind, wishes } = containers[container] as TrialContainer;
      return wishes.map((wish, at) => ({
        ...{ container, kind, wish, picked: [], vendor: numberOf(wish.slice.vendor) },
        chain: new ChainOfCount(rules.chain, wish.slice.count),
        isOneNuma: rules.isOneNuma && wish.slice.count > 1,
        isLastOfContainer: at === wishes.length - 1,
      }));
    });
    this.rowsOf = vendors.map(() => []);
    const { packing, cpuMilli } = rules;
    this.sight = { packing, cpuMilli } as Sight;
  }

  /** True where every container finds its devices; which the last one gets does not matter then. */
  fits(node: NodeView): boolean {
    return this.run(node, this.tasks.length - 1);
  }

  /** The same, and `tasks` say which. */
  serve(node: NodeView): boolean {
    return this.run(node, this.tasks.length);
  }

  /** Tells what stops the pod on this node, device by device. Devices wanted; null where nothing does. */
  tellStop(node: NodeView, misfits: Misfits): number | null {
    if (this.fits(node) || this.failed === null) return null;
    const { wish } = this.failed;
    for (let at = 0; at < this.devices.length; at++)
      misfits.see(this.devices[at] as DeviceState, this.metOn(at), wish);
    return wish.slice.count;
  }

  /** What the failed task would have met on device `at` of its vendor. */
  metOn(at: number): Hold {
    return this.holdBeside(at, this.failed?.kind ?? 'app');
  }

  isFitting(at: number): boolean {
    return this.rowAt(at).isFitting;
  }

  private run(node: NodeView, chosen: number): boolean {
    this.node = node;
    this.failed = null;
    this.reset();
    for (let at = 0; at < this.tasks.length; at++) {
      const task = this.tasks[at] as TrialTask;
      if (!this.look(task)) {
        this.failed = task;
        return false;
      }
      if (at >= chosen) continue;
      this.choose(task);
      if (task.isLastOfContainer) this.book(task.kind);
    }
    return true;
  }

  private book(kind: ContainerKind): void {
    for (let vendor = 0; vendor < this.rowsOf.length; vendor++) {
      const rows = this.rowsOf[vendor] as TrialRow[];
      for (let at = 0; at < rows.length; at++) book(rows[at] as TrialRow, kind);
    }
  }

  private reset(): void {
    for (let vendor = 0; vendor < this.rowsOf.length; vendor++) {
      const rows = this.rowsOf[vendor] as TrialRow[];
      for (let at = 0; at < rows.length; at++) clear(rows[at] as TrialRow);
    }
  }

  /** Which devices fit, and are they enough? */
  private look(task: TrialTask): boolean {
    this.turnTo(task);
    let fitting = 0;
    for (let at = 0; at < this.devices.length; at++) {
      const row = this.rowAt(at);
      row.isFitting = this.misfitOn(at, task) === null;
      if (row.isFitting) fitting += 1;
    }
    if (fitting < task.wish.slice.count) return false;
    return !task.isOneNuma || this.hasNuma(task.wish.slice.count);
  }

  private misfitOn(at: number, { kind, wish }: TrialTask): DeviceRefusal['kind'] | null {
    if (!this.rowAt(at).isTouched) return misfitAlone(this.list, at, wish);
    return misfit(this.devices[at] as DeviceState, this.holdBeside(at, kind), wish);
  }

  private turnTo({ vendor, wish }: TrialTask): void {
    const view = this.node?.vendors.get(wish.slice.vendor);
    this.devices = view?.devices ?? NO_DEVICES;
    this.list = withNumbers(this.devices);
    this.sight.view = view as VendorView;
    this.rows = this.rowsOf[vendor] as TrialRow[];
    while (this.rows.length < this.devices.length) this.rows.push(emptyRow());
  }

  private hasNuma(count: number): boolean {
    for (let at = 0; at < this.devices.length; at++) if (this.fittingWith(at) >= count) return true;
    return false;
  }

  /** Devices that fit on the NUMA node of this one; 0 where it does not tell. */
  private fittingWith(at: number): number {
    const numa = this.numaOf(at);
    if (numa === null) return 0;
    let fitting = 0;
    for (let i = 0; i < this.devices.length; i++)
      if (this.isFitting(i) && this.numaOf(i) === numa) fitting += 1;
    return fitting;
  }

  private choose(task: TrialTask): void {
    if (task.isOneNuma) this.chooseOnOneNuma(task);
    else this.chooseAmong(task, null);
    for (let i = 0; i < task.wish.slice.count; i++) {
      const at = task.picked[i] as number;
      takeSlice(this.rowAt(at), this.deviceAt(at), task.wish.slice);
    }
  }

  /** Each NUMA node that has enough is tried; of equals the first. */
  private chooseOnOneNuma(task: TrialTask): void {
    let best = -Infinity;
    let winner = -1;
    for (let at = 0; at < this.devices.length; at++) {
      const numa = this.numaOf(at);
      if (this.isNumaBefore(at) || this.fittingWith(at) < task.wish.slice.count) continue;
      const sum = this.chooseAmong(task, numa);
      if (sum <= best) continue;
      best = sum;
      winner = at;
    }
    this.chooseAmong(task, this.numaOf(winner));
  }

  private isNumaBefore(at: number): boolean {
    for (let i = 0; i < at; i++) if (this.numaOf(i) === this.numaOf(at)) return true;
    return false;
  }

  /** `numa` null: any. Answers how much what it picks is liked. */
  private chooseAmong(task: TrialTask, numa: number | null): number {
    const { chooser, candidates } = this;
    const { count } = task.wish.slice;
    let size = 0;
    for (let at = 0; at < this.devices.length; at++)
      if (this.isFitting(at) && (numa === null || this.numaOf(at) === numa)) candidates[size++] = at;
    chooser.begin(size);
    for (let i = 0; i < size; i++) chooser.like(i, this.likeOn(candidates[i] as number, task));
    if (task.chain.hasPairs) this.likePairs(task, size);
    const sum = task.chain.hasPairs ? chooser.chooseSet(count) : chooser.chooseEach(count);
    for (let i = 0; i < count; i++) task.picked[i] = candidates[chooser.picked[i] as number] as number;
    return sum;
  }

  private likePairs({ chain }: TrialTask, size: number): void {
    const { chooser, candidates, sight } = this;
    for (let a = 1; a < size; a++)
      for (let b = 0; b < a; b++) {
        const like = chain.ofPair(sight.view, candidates[a] as number, candidates[b] as number);
        chooser.likePair(a, b, like);
      }
  }

  /** Worked out once per state, where nothing else matters to it. */
  private likeOn(at: number, task: TrialTask): number {
    const { asker } = task.chain;
    if (asker === null || this.rowAt(at).isTouched) return this.likeOf(at, task);
    const number = this.list.numbers[at] as number;
    if (likes.isKnown(asker, number)) return likes.get(asker, number);
    return likes.keep(asker, number, this.likeOf(at, task));
  }

  /** Liked by all that this pod will ever hold there: what its init container paid for is there anyway. */
  private likeOf(at: number, { wish, chain }: TrialTask): number {
    const { device } = this.devices[at] as DeviceState;
    const cut = asCut(device, wish.slice) ?? wish.slice;
    const { sight } = this;
    sight.node = this.node as NodeView;
    sight.at = at;
    sight.hold = this.holdWith(at, this.rowAt(at).peak);
    sight.device = device;
    sight.wish = wish;
    sight.memory = memoryOn(device, cut.memory);
    sight.cores = cut.cores;
    return chain.ofOne(sight);
  }

  private holdBeside(at: number, kind: ContainerKind): Hold {
    return this.holdWith(at, besideOf(this.rowAt(at), kind));
  }

  /** What others hold, and of the pod's own so much. */
  private holdWith(at: number, own: Hold): Hold {
    const { hold } = this.devices[at] as DeviceState;
    return this.rowAt(at).isTouched ? add(copy(this.seen, hold), own) : hold;
  }

  private rowAt(at: number): TrialRow {
    return this.rows[at] as TrialRow;
  }

  private deviceAt(at: number): Device {
    return (this.devices[at] as DeviceState).device;
  }

  private numaOf(at: number): number | null {
    return this.deviceAt(at).numa;
  }
}
