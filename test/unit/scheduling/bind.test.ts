// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { DEFAULT_RULES } from '../../../src/core/policies.js';
import { createBind } from '../../../src/scheduling/bind.js';
import { PodMirror } from '../../../src/scheduling/pod-mirror.js';
import type { BindingOutcome, BindingWrite } from '../../../src/scheduling/ports.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import type { PodView } from '../../../src/wire/pod-view.js';
import { aContainer, aPlacement, aRequest, aWish, someFacts, WHOLE } from '../../builders/core.js';
import { aBindAsk, aPodView } from '../../builders/scheduling.js';

const GIVEN = aPlacement({ main: [['GPU-0', 4096]] });
const LETTER = encodePlacement(GIVEN);
const OTHER = aPlacement({ main: [['GPU-1', 4096]] });

/** The API server as bind sees it: pods, and what it answers to writes. */
class FakeCluster {
  readonly writes: BindingWrite[] = [];
  readonly reads: string[] = [];
  readonly pods = new Map<string, PodView>();
  /** Answers to coming writes; written when empty. */
  readonly outcomes: BindingOutcome[] = [];
  isAway = false;
  /** Holds writes back until called. */
  release: (() => void) | null = null;
  gate: Promise<void> = Promise.resolve();

  hold(): void {
    this.gate = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  async write(write: BindingWrite): Promise<BindingOutcome> {
    this.writes.push(write);
    await this.gate;
    return this.outcomes.shift() ?? { kind: 'written' };
  }

  async readPod(namespace: string, name: string): Promise<PodView | null> {
    this.reads.push(`${namespace}/${name}`);
    if (this.isAway) throw new Error('no answer');
    return this.pods.get(`${namespace}/${name}`) ?? null;
  }
}

const CONFLICT = { kind: 'refused', isConflict: true, sentence: 'already assigned' } as const;
const FORBIDDEN = { kind: 'refused', isConflict: false, sentence: 'forbidden' } as const;
const SILENCE = { kind: 'unknown', sentence: 'timeout' } as const;

let ledger: Ledger;
let pods: PodMirror;
let cluster: FakeCluster;
let bind: ReturnType<typeof createBind>;
let now: number;

beforeEach(() => {
  now = 1_000;
  ledger = new Ledger();
  ledger.setNode(someFacts());
  ledger.setNode(someFacts({ name: 'n2' }));
  pods = new PodMirror();
  pods.set(aPodView());
  cluster = new FakeCluster();
  bind = createBind({
    ledger,
    pods,
    reader: cluster,
    bindings: cluster,
    rulesFor: () => DEFAULT_RULES,
    assumeMs: 60_000,
    now: () => now,
  });
});

const states = () => [...ledger.allHoldings()].map(({ uid, node, state }) => `${uid} ${state} on ${node}`);
const boundTo = (node: string, placement: string | null = LETTER) =>
  cluster.pods.set('default/p1', aPodView(aRequest(), { nodeName: node, placement }));

describe('bind', () => {
  it('writes node, UID and slices in one call, and assumes them', async () => {
    expect(await bind(aBindAsk())).toEqual({ sentence: '', placement: GIVEN });
    expect(cluster.writes).toEqual([{ ...aBindAsk(), placement: LETTER }]);
    expect(cluster.reads).toEqual([]);
    expect(states()).toEqual(['u1 assumed on n1']);
    expect(ledger.holding('u1')?.until).toBe(61_000);
  });

  it('refuses, and writes nothing, where the room is gone since filter', async () => {
    pods.set(aPodView(aRequest({ ...WHOLE, count: 2 }), { uid: 'u2', name: 'p2' }));
    await bind(aBindAsk({ uid: 'u2', name: 'p2' }));
    const answer = await bind(aBindAsk());
    expect(answer).toMatchObject({
      sentence: 'held alone by another pod on all 2 devices',
      refusal: { kind: 'NoDeviceFits' },
    });
    expect(cluster.writes).toHaveLength(1);
  });

  it('never gives the same room twice while writes are under way', async () => {
    const whole = aRequest(WHOLE);
    for (const uid of ['a', 'b', 'c']) pods.set(aPodView(whole, { uid, name: uid }));
    cluster.hold();
    const answers = ['a', 'b', 'c'].map((uid) => bind(aBindAsk({ uid, name: uid })));
    cluster.release?.();
    const sentences = (await Promise.all(answers)).map(({ sentence }) => sentence);
    expect(sentences).toEqual(['', '', 'held alone by another pod on all 2 devices']);
    const devices = cluster.writes.map(({ placement }) => /GPU-\d/.exec(placement ?? '')?.[0]);
    expect(devices).toEqual(['GPU-0', 'GPU-1']);
  });

  it('answers the same to the same question asked twice at once, and writes once', async () => {
    cluster.hold();
    const answers = [bind(aBindAsk()), bind(aBindAsk())];
    cluster.release?.();
    expect((await Promise.all(answers)).map(({ sentence }) => sentence)).toEqual(['', '']);
    expect(cluster.writes).toHaveLength(1);
  });

  it('refuses another node while the first is under way', async () => {
    cluster.hold();
    const first = bind(aBindAsk());
    expect((await bind(aBindAsk({ node: 'n2' }))).sentence).toBe('the pod is being bound to node n1 already');
    cluster.release?.();
    await first;
  });

  it('is done where the watch shows the pod on that node already', async () => {
    pods.set(aPodView(aRequest(), { nodeName: 'n1', placement: LETTER }));
    expect((await bind(aBindAsk())).sentence).toBe('');
    expect((await bind(aBindAsk({ node: 'n2' }))).sentence).toBe('the pod is bound to node n1 already');
    expect(cluster.writes).toEqual([]);
  });

  it('reads a pod the watch has not shown yet', async () => {
    cluster.pods.set('default/p9', aPodView(aRequest(), { uid: 'u9', name: 'p9' }));
    expect((await bind(aBindAsk({ uid: 'u9', name: 'p9' }))).sentence).toBe('');
    expect(cluster.reads).toEqual(['default/p9']);
  });

  it('refuses a pod that is gone, or made again under its name', async () => {
    expect((await bind(aBindAsk({ uid: 'u9', name: 'p9' }))).sentence).toBe('the pod is gone');
    cluster.pods.set('default/p9', aPodView(aRequest(), { uid: 'new', name: 'p9' }));
    expect((await bind(aBindAsk({ uid: 'u9', name: 'p9' }))).sentence).toBe('the pod is gone');
    expect(cluster.writes).toEqual([]);
  });

  it('binds a pod that asks for nothing without a placement', async () => {
    cluster.pods.set('default/p9', aPodView(aRequest([aContainer('a', 'app')]), { uid: 'u9', name: 'p9' }));
    expect((await bind(aBindAsk({ uid: 'u9', name: 'p9' }))).sentence).toBe('');
    expect(cluster.writes[0]?.placement).toBeNull();
    expect(states()).toEqual([]);
  });

  it('does not trust a placement the pod already carries', async () => {
    pods.set(aPodView(aRequest(), { placement: encodePlacement(aPlacement({ main: [['GPU-1', 1]] })) }));
    await bind(aBindAsk());
    expect(cluster.writes[0]?.placement).toBe(LETTER);
  });

  it('refuses a pod whose wish cannot be read, and an unknown node', async () => {
    pods.set(aPodView(aRequest(), { request: { ok: false, error: 'x is "y": want z' } }));
    expect((await bind(aBindAsk())).sentence).toBe('x is "y": want z');
    pods.set(aPodView());
    expect((await bind(aBindAsk({ node: 'n9' }))).sentence).toBe('node not known to Kerf yet');
  });

  it('keeps one pod of init containers alone in flight a node', async () => {
    const initOnly = aRequest([aContainer('i', 'init', aWish()), aContainer('a', 'app')]);
    for (const uid of ['a', 'b']) pods.set(aPodView(initOnly, { uid, name: uid }));
    expect((await bind(aBindAsk({ uid: 'a', name: 'a' }))).sentence).toBe('');
    expect((await bind(aBindAsk({ uid: 'b', name: 'b' }))).refusal).toEqual({
      kind: 'InitOnlyInFlight',
      pod: 'default/a',
    });
    expect((await bind(aBindAsk({ uid: 'b', name: 'b', node: 'n2' }))).sentence).toBe('');
  });
});

describe('when the write fails', () => {
  it.each([
    ['is refused', FORBIDDEN, 'forbidden'],
    ['conflicts, and the pod is not bound', CONFLICT, 'already assigned'],
  ])('the room is given back: it %s', async (_title, outcome, sentence) => {
    cluster.outcomes.push(outcome);
    cluster.pods.set('default/p1', aPodView());
    expect((await bind(aBindAsk())).sentence).toBe(sentence);
    expect(states()).toEqual([]);
  });

  it('a second write that is refused does not free the room of the first, which was done', async () => {
    cluster.outcomes.push(SILENCE, FORBIDDEN);
    cluster.pods.set('default/p1', aPodView());
    await bind(aBindAsk());
    boundTo('n1');
    expect((await bind(aBindAsk())).sentence).toBe('');
    expect(states()).toEqual(['u1 assumed on n1']);
  });

  it('a conflict is success where the pod carries what was written', async () => {
    cluster.outcomes.push(CONFLICT);
    boundTo('n1');
    expect((await bind(aBindAsk())).sentence).toBe('');
    expect(states()).toEqual(['u1 assumed on n1']);
  });

  it.each([
    ['another node', 'n2', LETTER, ['u1 assumed on n2']],
    ['another placement', 'n1', encodePlacement(OTHER), ['u1 assumed on n1']],
    ['a placement nobody can read: the watch will tell', 'n1', '{}', []],
    ['no placement', 'n1', null, []],
  ])(
    'a conflict is none where the pod shows %s; what it carries is taken',
    async (_title, node, letter, want) => {
      cluster.outcomes.push(CONFLICT);
      boundTo(node, letter);
      expect((await bind(aBindAsk())).sentence).toBe('already assigned');
      expect(states()).toEqual(want);
      if (letter === encodePlacement(OTHER))
        expect(ledger.holding('u1')?.claim).toEqual({ kind: 'placed', placement: OTHER });
    },
  );

  it('silence is success where the pod carries what was written', async () => {
    cluster.outcomes.push(SILENCE);
    boundTo('n1');
    expect((await bind(aBindAsk())).sentence).toBe('');
  });

  it('silence keeps the room: the write may still land', async () => {
    cluster.outcomes.push(SILENCE);
    cluster.isAway = true;
    expect((await bind(aBindAsk())).sentence).toBe('timeout');
    expect(states()).toEqual(['u1 assumed on n1']);
  });

  it('a second try writes the same slices again, and their time begins anew', async () => {
    cluster.outcomes.push(SILENCE);
    cluster.isAway = true;
    await bind(aBindAsk());
    now = 50_000;
    expect((await bind(aBindAsk())).sentence).toBe('');
    expect(cluster.writes.map(({ placement }) => placement)).toEqual([LETTER, LETTER]);
    expect(states()).toEqual(['u1 assumed on n1']);
    expect(ledger.expire(70_000)).toEqual([]);
    expect(ledger.expire(110_001)).toEqual(['u1']);
  });

  const ELSEWHERE: [string, () => void, string, string[]][] = [
    [
      'gives the first room back where the pod is not bound',
      () => cluster.pods.set('default/p1', aPodView()),
      '',
      ['u1 assumed on n2'],
    ],
    [
      'is refused where the first was done',
      () => boundTo('n1'),
      'the pod is bound to node n1 already',
      ['u1 assumed on n1'],
    ],
    ['is refused where nobody can tell', () => {}, 'the pod cannot be read: no answer', ['u1 assumed on n1']],
  ];
  it.each(ELSEWHERE)('a second try on another node %s', async (_title, arrange, sentence, want) => {
    cluster.outcomes.push(SILENCE);
    cluster.isAway = true;
    await bind(aBindAsk());
    arrange();
    cluster.isAway = cluster.pods.size === 0;
    expect((await bind(aBindAsk({ node: 'n2' }))).sentence).toBe(sentence);
    expect(states()).toEqual(want);
  });
});
