// SPDX-License-Identifier: Apache-2.0
// What may happen in a random history, as data that fast-check can shrink.
import fc from 'fast-check';
import { encodePlacement } from '../../../../src/wire/placement.js';
import { aPlacement } from '../../../builders/core.js';
import { type ApiServer, FLEETS, type TrueNode } from './api-server.js';
import { ASSUME_MS, History } from './history.js';
import type { Fate } from './ports.js';
import { SHAPES } from './shapes.js';

export interface Step {
  readonly kind: Kind;
  /** Which pod name, node, port call. */
  readonly at: number;
  /** Which shape, letter, fleet, fate. */
  readonly what: number;
}

const PODS = ['p0', 'p1', 'p2', 'p3', 'p4'];
const NODES = ['n0', 'n1'];
const pick = <T>(list: readonly T[], at: number): T => list[at % list.length] as T;

const EDITS: readonly (string | null)[] = [
  '{',
  '{"v":9,"containers":[]}',
  null,
  encodePlacement(aPlacement({ main: [['GPU-a0', 1000]] })),
  encodePlacement(aPlacement({ main: [['GPU-b0', 40_960, 1000]], stranger: [['GPU-a1', 5000, 305]] })),
];
const CORDONS = ['', 'all', 'GPU-a0, GPU-b0', 'AMD-a0', '*'];
const FATES: readonly Fate[] = ['well', 'well', 'late', 'silent', 'refused'];

type Choice = Pick<Step, 'at' | 'what'>;

/** What happens to the API server by others' hands. */
export const ACTS_OF_THE_WORLD = {
  create: (api, { at, what }) => api.create(pick(PODS, at), what),
  finish: (api, { at, what }) =>
    api.change(pick(PODS, at), { phase: what % 2 === 0 ? 'Succeeded' : 'Failed' }),
  start(api, { at }) {
    const pod = api.pods.get(pick(PODS, at));
    if (pod?.phase === 'Pending' && pod.node !== '')
      api.change(pod.name, { phase: 'Running', isStarted: true });
  },
  terminate: (api, { at }) => api.change(pick(PODS, at), { isTerminating: true }),
  remove: (api, { at }) => api.remove(pick(PODS, at)),
  bindByOthers(api, { at, what }) {
    const pod = api.pods.get(pick(PODS, at));
    if (pod?.node !== '') return;
    const [node, letter] = [pick(NODES, what), pick([...EDITS, null], what)];
    api.change(pod.name, { node, letter });
  },
  node: (api, { at, what }) => changeNode(api.nodes.get(pick(NODES, at)), what, (node) => api.setNode(node)),
  removeNode: (api, { at }) => api.removeNode(pick(NODES, at)),
  returnNode(api, { at, what }) {
    const name = pick(NODES, at);
    if (!api.nodes.has(name)) api.setNode(aTrueNode(name, what));
  },
} satisfies Record<string, (api: ApiServer, choice: Choice) => void>;

/** What our own watches, binds and time do. */
const OUR_ACTS = {
  bind: (history, { at, what }) => history.bind(pick(PODS, at), pick(NODES, what)),
  /** Bind, and all its calls done and answered. */
  bindWell: (history, { at, what }) => history.bind(pick(PODS, at), pick(NODES, what)),
  land: ({ ports }, { at }) => ports.waiting > 0 && ports.land(at),
  answer: ({ ports }, { at, what }) => ports.waiting > 0 && ports.answer(at, pick(FATES, what)),
  hearPods: (history, { what }) => history.hearPods(1 + (what % 4)),
  hearAllPods: (history) => history.hearPods(1000),
  hearNodes: (history, { what }) => history.hearNodes(1 + (what % 3)),
  hearAgain: (history) => history.hearAgain(),
  relistPods: (history) => history.relistPods(),
  relistNodes: (history) => history.relistNodes(),
  edit: (history, { at, what }) => history.edit(pick(PODS, at), pick(EDITS, what)),
  /** The watch is at most half a minute behind, and no call takes longer than its time. */
  tick(history, { what }) {
    while (history.ports.waiting > 0) history.ports.answer(0, 'silent');
    history.hearPods(1000);
    history.api.now += 1 + (what % 4) * (ASSUME_MS / 3);
  },
  expire({ ledger, oracle, heardAt }) {
    ledger.expire(heardAt);
    oracle.expire(heardAt);
  },
} satisfies Record<string, (history: History, choice: Choice) => unknown>;

type WorldKind = keyof typeof ACTS_OF_THE_WORLD;
type Kind = WorldKind | keyof typeof OUR_ACTS;

const isOfWorld = (kind: Kind): kind is WorldKind => Object.hasOwn(ACTS_OF_THE_WORLD, kind);

export function aTrueNode(name: string, fleet: number): Omit<TrueNode, 'facts'> {
  const devices = pick(FLEETS[name] ?? [], fleet);
  return { name, devices, splits: 4, slots: 8, cordon: '', isSick: false, isBroken: false };
}

function changeNode(
  node: TrueNode | undefined,
  what: number,
  set: (node: Omit<TrueNode, 'facts'>) => void,
): void {
  if (node === undefined) return;
  const changes: readonly Partial<TrueNode>[] = [
    { devices: pick(FLEETS[node.name] ?? [], what >> 3) },
    { cordon: pick(CORDONS, what >> 3) },
    { isBroken: !node.isBroken },
    { isSick: !node.isSick },
    { splits: 1 + ((what >> 3) % 5) },
    { slots: pick([8, 3, 0, 20], what >> 3) },
  ];
  set({ ...node, ...pick(changes, what) });
}

/** Two nodes and some waiting pods, all heard of. */
export interface Start {
  readonly fleets: readonly number[];
  readonly shapes: readonly number[];
}

export const starts: fc.Arbitrary<Start> = fc.record({
  fleets: fc.array(fc.nat(5), { minLength: 2, maxLength: 2 }),
  shapes: fc.array(fc.nat(SHAPES.length - 1), { maxLength: PODS.length }),
});

export function begin({ fleets, shapes }: Start): History {
  const history = new History();
  for (const [at, fleet] of fleets.entries()) history.api.setNode(aTrueNode(pick(NODES, at), fleet));
  for (const [at, shape] of shapes.entries()) history.api.create(pick(PODS, at), shape);
  history.relistNodes();
  history.relistPods();
  return history;
}

export async function take(history: History, step: Step): Promise<void> {
  // Nothing of ours moves when the world does: it is heard of later.
  if (isOfWorld(step.kind)) {
    ACTS_OF_THE_WORLD[step.kind](history.api, step);
    return;
  }
  OUR_ACTS[step.kind](history, step);
  const { ports } = history;
  if (step.kind.startsWith('bind') || step.kind === 'answer' || step.kind === 'tick') await history.settle();
  while (ports.waiting > 0 && (step.kind === 'bindWell' || step.kind === 'tick')) {
    ports.answer(0, step.kind === 'tick' ? 'silent' : 'well');
    await history.settle();
  }
  if (step.kind !== 'edit') history.check();
}

/** Quiet at last: every call is answered and every event told, and nobody is left who is only thought to hold. */
export async function end(history: History): Promise<void> {
  const { ports, api, ledger, oracle } = history;
  while (ports.waiting > 0) {
    ports.answer(0, 'well');
    await history.settle();
  }
  history.hearPods(1000);
  history.hearNodes(1000);
  api.now += ASSUME_MS + 1;
  for (const each of [ledger, oracle]) each.expire(api.now);
  history.check();
  history.checkOldViews();
  history.checkQuiet();
}

const weighed: readonly (readonly [Kind, number])[] = [
  ...([
    ['create', 6],
    ['bindWell', 8],
    ['bind', 3],
    ['answer', 4],
    ['land', 1],
  ] as const),
  ...([
    ['hearPods', 5],
    ['hearAllPods', 3],
    ['hearNodes', 2],
    ['hearAgain', 1],
  ] as const),
  ...([
    ['relistPods', 1],
    ['relistNodes', 1],
    ['finish', 1],
    ['start', 1],
    ['terminate', 1],
  ] as const),
  ...([
    ['remove', 1],
    ['edit', 2],
    ['bindByOthers', 1],
    ['tick', 1],
    ['expire', 1],
  ] as const),
  ...([
    ['node', 2],
    ['removeNode', 1],
    ['returnNode', 1],
  ] as const),
];

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...weighed.flatMap(([kind, weight]) => Array<Kind>(weight).fill(kind))),
    at: fc.nat(9),
    what: fc.nat(8 * SHAPES.length),
  }),
  { maxLength: 30, size: 'max' },
);
