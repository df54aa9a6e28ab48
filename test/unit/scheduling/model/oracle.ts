// SPDX-License-Identifier: Apache-2.0
// What ought to be held, told naively: a map from pod to what was heard of it or is being written for it, and every
// sum worked out from nothing each time it is asked. Shares no rule with src; slow and plain on purpose.
import { MEMORY_OF, type TrueNode, type TruePod } from './api-server.js';
import type { Shape, Wish } from './shapes.js';
import { type Seen, type Sum, textOfVendor, VENDORS_BY_NAME } from './text.js';

interface Row {
  readonly device: string;
  readonly memory: number;
  /** Thousandths. */
  readonly cores: number;
}

/** What is believed of one pod. */
export interface Belief {
  readonly pod: string;
  readonly node: string;
  readonly shape: Shape;
  /** What its containers have, as a letter: the first that was readable. */
  readonly letter: string | null;
  /** False: being written by us, and not yet shown by the watch. */
  readonly isHeard: boolean;
  readonly isStarted: boolean;
  readonly until: number;
}

export class Oracle {
  readonly nodes = new Map<string, TrueNode>();
  readonly pods = new Map<string, Belief>();
  /** Pods on a node that neither ask nor carry a letter: node and CPU. */
  readonly others = new Map<string, { readonly node: string; readonly cpu: number }>();

  // --- what the watches tell ---

  hear(pod: TruePod): void {
    if (isOver(pod)) this.hearGone(pod);
    if (isOver(pod) || pod.node === '') return;
    const known = this.pods.get(pod.uid);
    if (known === undefined && !pod.shape.asks && pod.letter === null) {
      this.others.set(pod.uid, { node: pod.node, cpu: pod.shape.cpu });
      return;
    }
    this.others.delete(pod.uid);
    this.pods.set(pod.uid, {
      pod: `d/${pod.name}`,
      node: pod.node,
      shape: pod.shape,
      letter: believedLetter(known?.node === pod.node ? known : undefined, pod.letter),
      isHeard: true,
      isStarted: pod.isStarted,
      until: Number.POSITIVE_INFINITY,
    });
  }

  hearGone(pod: TruePod): void {
    this.pods.delete(pod.uid);
    this.others.delete(pod.uid);
  }

  hearAll(all: readonly TruePod[]): void {
    const there = new Set(all.filter((pod) => pod.node !== '').map(({ uid }) => uid));
    for (const [uid, { isHeard }] of this.pods) if (isHeard && !there.has(uid)) this.pods.delete(uid);
    for (const uid of this.others.keys()) if (!there.has(uid)) this.others.delete(uid);
    for (const pod of all) this.hear(pod);
  }

  hearNodes(all: Iterable<TrueNode>): void {
    this.nodes.clear();
    for (const node of all) this.nodes.set(node.name, node);
  }

  // --- what we are writing ---

  write(uid: string, belief: Omit<Belief, 'isHeard'>): void {
    if (this.pods.get(uid)?.isHeard !== true) this.pods.set(uid, { ...belief, isHeard: false });
  }

  giveUp(uid: string): void {
    if (this.pods.get(uid)?.isHeard === false) this.pods.delete(uid);
  }

  expire(heardAt: number): void {
    for (const [uid, { isHeard, until }] of this.pods) if (!isHeard && heardAt > until) this.pods.delete(uid);
  }

  // --- what that comes to ---

  on(node: string): readonly Belief[] {
    return [...this.pods.values()].filter((belief) => belief.node === node);
  }

  /** Pods of which one is to stand in the way of everything; none: nothing is. */
  unreadableOn(node: string): readonly string[] {
    return this.on(node)
      .filter(({ letter }) => letter !== null && rowsOf(letter) === null)
      .map(({ pod }) => pod);
  }

  initOnlyOn(node: string): readonly string[] {
    return this.on(node)
      .filter(({ shape, isStarted }) => shape.isInitOnly && !isStarted)
      .filter(({ letter }) => letter !== null && rowsOf(letter) !== null)
      .map(({ pod }) => pod);
  }

  slotsUsed(node: string, vendor: string): number {
    return this.on(node).reduce((sum, { shape }) => sum + (shape.slots[vendor] ?? 0), 0);
  }

  cpuOn(node: string): number {
    const ours = this.on(node).map(({ shape }) => shape.cpu);
    const others = [...this.others.values()].filter((pod) => pod.node === node).map(({ cpu }) => cpu);
    return [...ours, ...others].reduce((sum, cpu) => sum + cpu, 0);
  }

  heldOf(node: string, device: string): Sum {
    return sumOf(
      this.on(node).map(({ letter, shape }) => lifeOf(letter, shape)),
      device,
    );
  }

  /** What ought to be seen of a node. Of several pods that stand in the way any may be named: `named` is. */
  textOf(node: TrueNode, named: { heldBy: string | null; initOnly: string | null } | undefined): string {
    const { name } = node;
    const one = (wanted: readonly string[], told: string | null | undefined): string | null =>
      wanted.find((pod) => pod === told) ?? wanted[0] ?? null;
    const heldBy = one(this.unreadableOn(name), named?.heldBy);
    const initOnly = one(this.initOnlyOn(name), named?.initOnly);
    const rows: string[] = [];
    for (const [vendor, prefix] of VENDORS_BY_NAME) {
      const isUnreadable = node.isBroken && vendor === 'nvidia';
      const ids = isUnreadable ? [] : node.devices.filter((id) => id.startsWith(prefix));
      if (ids.length === 0 && !isUnreadable) continue;
      const devices = ids.map((id): Seen => ({ id, isShut: isCordoned(node, id), ...this.heldOf(name, id) }));
      rows.push(textOfVendor({ vendor, isUnreadable, slotsUsed: this.slotsUsed(name, vendor), devices }));
    }
    return `${name} ${heldBy} ${initOnly} ${this.cpuOn(name)} of 8000 m${rows.join('')}`;
  }

  /** Could the node serve this wish? Of pods of one app container only. */
  fits(name: string, { count, memory, cores }: Wish): boolean {
    const node = this.nodes.get(name);
    if (node === undefined || node.isBroken || this.unreadableOn(name).length > 0) return false;
    if (node.slots - this.slotsUsed(name, 'nvidia') < count) return false;
    const gpus = node.devices.filter((id) => id.startsWith('GPU'));
    const able = gpus.filter((id, index) => {
      const size = MEMORY_OF[id] as number;
      const want = memoryOf(memory, size);
      const sum = this.heldOf(name, id);
      if ((node.isSick && index === 0) || isCordoned(node, id) || sum.isOwned) return false;
      if ((cores === 1000 || want >= size) && sum.slices > 0) return false;
      return sum.slices < node.splits && sum.memory + want <= size && sum.cores + cores <= 1000;
    });
    return able.length >= count;
  }
}

function memoryOf(memory: Wish['memory'], size: number): number {
  if (memory === 'whole') return size;
  return typeof memory === 'number' ? memory : Math.ceil((size * memory.percent) / 100);
}

export const isOver = ({ phase }: TruePod): boolean => phase === 'Succeeded' || phase === 'Failed';

export function isCordoned({ cordon }: TrueNode, device: string): boolean {
  return cordon === 'all' || cordon === '*' || cordon.split(', ').includes(device);
}

/** The first readable letter of a pod rules: what its containers were given is not changed by an edit. */
function believedLetter(known: Belief | undefined, shown: string | null): string | null {
  const isKnown = known !== undefined && known.letter !== null && rowsOf(known.letter) !== null;
  if (!isKnown) return shown;
  const isShownUnreadable = shown !== null && rowsOf(shown) === null;
  // Before it was heard it was only our wish: what stands there is the truth, as long as it can be read.
  return known.isHeard || isShownUnreadable ? known.letter : shown;
}

type Named = readonly (readonly [container: string, rows: readonly Row[]])[];

const read = new Map<string, Named | null>();

/** Null where nobody can read it. */
export function rowsOf(letter: string): Named | null {
  if (!read.has(letter)) read.set(letter, parse(letter));
  return read.get(letter) as Named | null;
}

interface Letter {
  readonly v: number;
  readonly containers: readonly {
    readonly name: string;
    readonly slices: readonly {
      readonly device: string;
      readonly memoryMiB: number;
      readonly corePercent: number;
    }[];
  }[];
}

function parse(text: string): Named | null {
  let letter: Letter;
  try {
    letter = JSON.parse(text) as Letter;
  } catch {
    return null;
  }
  if (letter.v !== 1) return null;
  return letter.containers.map(({ name, slices }) => [
    name,
    slices.map(({ device, memoryMiB, corePercent }) => ({
      device,
      memory: memoryMiB,
      cores: Math.round(corePercent * 10),
    })),
  ]);
}

/** Every moment of a pod's life, as the rows that are held in it. */
export function lifeOf(letter: string | null, { kinds }: Shape): readonly (readonly Row[])[] {
  const named = letter === null ? null : rowsOf(letter);
  if (named === null) return [];
  const rows = (name: string): readonly Row[] =>
    named.filter(([own]) => own === name).flatMap(([, own]) => own);
  const order = Object.keys(kinds);
  const strangers = named.filter(([name]) => kinds[name] === undefined).flatMap(([, own]) => own);
  const moments: (readonly Row[])[] = [];
  let sidecars: readonly Row[] = [];
  for (const name of order.filter((each) => kinds[each] !== 'app')) {
    moments.push([...sidecars, ...rows(name)]);
    if (kinds[name] === 'sidecar') sidecars = [...sidecars, ...rows(name)];
  }
  const apps = order.filter((name) => kinds[name] === 'app').flatMap(rows);
  return [...moments, [...sidecars, ...apps, ...strangers]];
}

/** Each pod with its worst moment, for each quantity by itself. */
export function sumOf(lives: readonly (readonly (readonly Row[])[])[], device: string): Sum {
  const sum: Sum = { memory: 0, cores: 0, slices: 0, isOwned: false };
  const size = MEMORY_OF[device] as number;
  for (const life of lives) {
    const here = life.map((moment) => moment.filter((row) => row.device === device));
    const worst = (amount: (rows: readonly Row[]) => number): number => Math.max(0, ...here.map(amount));
    sum.memory += worst((rows) => rows.reduce((all, { memory }) => all + memory, 0));
    sum.cores += worst((rows) => rows.reduce((all, { cores }) => all + cores, 0));
    sum.slices += worst((rows) => rows.length);
    sum.isOwned ||= here.flat().some(({ memory, cores }) => cores >= 1000 || memory >= size);
  }
  return sum;
}
