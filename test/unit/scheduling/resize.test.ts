// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import type { Placement } from '../../../src/core/placement.js';
import type { ResizeRefusal } from '../../../src/core/resize-refusals.js';
import { followPods } from '../../../src/scheduling/follow.js';
import { PodMirror } from '../../../src/scheduling/pod-mirror.js';
import type { BindingOutcome, ResizeNews, ResizeWrite } from '../../../src/scheduling/ports.js';
import { Resizer } from '../../../src/scheduling/resize.js';
import { VENDORS } from '../../../src/vendors/index.js';
import { encodePlacement } from '../../../src/wire/placement.js';
import type { PodView } from '../../../src/wire/pod-view.js';
import { encodeResize } from '../../../src/wire/resize.js';
import { aDevice, aPlacement, aRequest, someFacts } from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';
import { FakeClock } from '../../fakes/clock.js';

const SMALL = aPlacement({ main: [['GPU-0', 4096]] });
const BIG = aPlacement({ main: [['GPU-0', 8192]] });
const askFor = (memory: string, id = 'a'): string =>
  encodeResize({ id, container: 'main', limits: { 'nvidia.com/gpu-mem': memory } });

const CONFLICT = { kind: 'refused', isConflict: true, sentence: 'the object has been modified' } as const;
const FORBIDDEN = { kind: 'refused', isConflict: false, sentence: 'forbidden' } as const;
const SILENCE = { kind: 'unknown', sentence: 'timeout' } as const;

/** An API server with one pod, a watch that tells of it when asked to, and a scheduler that may die. */
class World {
  readonly clock = new FakeClock();
  readonly writes: ResizeWrite[] = [];
  readonly news: ResizeNews[] = [];
  readonly faults: string[] = [];
  /** Answers to coming writes; done where empty. `late`: done, and never answered. */
  readonly fates: (BindingOutcome | 'late')[] = [];
  isLeader = true;
  isReady = true;
  isAllowed = true;
  short: ResizeRefusal | null = null;
  pod: PodView | null = this.podWith(SMALL, '1');
  ledger = new Ledger();
  private live = this.start();

  private podWith(placement: Placement, resourceVersion: string): PodView {
    const letter = encodePlacement(placement);
    return aPodView(aRequest(), { nodeName: 'n1', placement: letter, resourceVersion });
  }

  private start() {
    const ledger = new Ledger();
    const pods = new PodMirror();
    this.ledger = ledger;
    ledger.setNode(someFacts({ devices: [aDevice({ memory: 10_000 })] }));
    const resizer = new Resizer({
      ...{ ledger, pods, vendors: VENDORS, isAllowed: this.isAllowed },
      writes: { write: (write) => this.write(write) },
      isLeader: async () => this.isLeader,
      isReady: () => this.isReady,
      quota: async () => this.short,
      after: (ms, run) => this.clock.after(ms, run),
      onAnswered: (news) => void this.news.push(news),
      onFault: (_pod, sentence, retryMs) => void this.faults.push(`${sentence} ${retryMs}`),
    });
    const follower = followPods({ ledger, pods, troubles: { tell: () => {} } });
    return { follower, resizer };
  }

  /** Memory is lost; the next one lists. */
  restart(): void {
    this.live.resizer.stop();
    this.live = this.start();
    const all = this.pod === null ? [] : [this.pod];
    this.live.follower.onReplace(all);
    this.live.resizer.seeAll(all);
  }

  change(what: Partial<PodView>): void {
    if (this.pod === null) return;
    this.pod = { ...this.pod, ...what, resourceVersion: String(Number(this.pod.resourceVersion) + 1) };
  }

  ask(asked: string): void {
    this.change({ resize: { asked, isAnswered: false } });
  }

  /** The watch tells how the pod is now. */
  show(pod: PodView | null = this.pod): void {
    if (pod === null) return;
    this.live.follower.onUpsert(pod);
    this.live.resizer.see(pod);
  }

  remove(): void {
    const { pod } = this;
    this.pod = null;
    if (pod === null) return;
    this.live.follower.onDelete(pod);
    this.live.resizer.drop(pod);
  }

  async turn(ms = 0): Promise<void> {
    this.clock.advance(ms);
    for (let turn = 0; turn < 12; turn++) await null;
  }

  private async write(write: ResizeWrite): Promise<BindingOutcome> {
    this.writes.push(write);
    const fate = this.fates.shift();
    if (fate !== undefined && fate !== 'late') return fate;
    if (this.pod?.uid !== write.uid || this.pod.resourceVersion !== write.resourceVersion) return CONFLICT;
    const placement = write.placement ?? this.pod.placement;
    const asked = this.pod.resize?.asked ?? '';
    this.change({ placement, resize: { asked, isAnswered: write.echo === asked } });
    return fate === 'late' ? SILENCE : { kind: 'written' };
  }

  held(): string {
    const [state] = this.ledger.node('n1')?.vendors.get('nvidia')?.devices ?? [];
    const { trouble = 'gone', next } = this.ledger.holding('u1') ?? {};
    return `${state?.hold.memory} MiB${next === undefined ? '' : ', under way'}${trouble === '' ? '' : `, ${trouble}`}`;
  }
}

let world: World;

beforeEach(() => {
  world = new World();
  world.show();
});

describe('a resize asked for', () => {
  it('is one write of placement, echo and condition, and is over when the watch shows it', async () => {
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    expect(world.writes).toEqual([
      {
        ...{ uid: 'u1', namespace: 'default', name: 'p1', resourceVersion: '2', echo: askFor('8Gi') },
        ...{ placement: encodePlacement(BIG), isResized: true, reason: 'Resized' },
        message: 'container main has 8192 MiB and no compute limit of device GPU-0',
      },
    ]);
    expect(world.held()).toBe('8192 MiB, under way');
    world.show();
    expect(world.held()).toBe('8192 MiB');
    expect(world.news).toMatchObject([{ isResized: true, pod: 'default/p1', reason: 'Resized' }]);
    await world.turn(60_000);
    expect([world.writes.length, world.clock.waiting]).toEqual([1, 0]);
  });

  it('to less frees the room only when the watch shows it, and says that what is held stays', async () => {
    world.ask(askFor('1Gi'));
    world.show();
    await world.turn();
    expect(world.held()).toBe('4096 MiB, under way');
    expect(world.writes[0]?.reason).toBe('Shrunk');
    expect(world.writes[0]?.message).toMatch(/1024 MiB .*; what is held above that stays until it is freed/);
    world.show();
    expect(world.held()).toBe('1024 MiB');
  });

  it('that has no room is answered by its reason, and the placement stays', async () => {
    world.ask(askFor('10000'));
    world.show();
    await world.turn();
    world.show();
    expect(world.held()).toBe('4096 MiB');
    expect(world.news).toMatchObject([{ isResized: false, reason: 'BecomesWhole' }]);
    expect(world.pod?.placement).toBe(encodePlacement(SMALL));
  });

  it.each<[string, (world: World) => void, string]>([
    ['cannot be read', (each) => each.ask('{'), 'BadRequest'],
    [
      'passes the quota',
      (each) => {
        each.short = { kind: 'QuotaShort', quota: 'q', resource: 'r', hard: 1, want: 2 };
        each.ask(askFor('8Gi'));
      },
      'QuotaShort',
    ],
    [
      'is of a pod that somebody else placed',
      (each) => {
        each.change({ placement: null });
        each.ask(askFor('8Gi'));
      },
      'NotPlaced',
    ],
  ])('that %s is refused once', async (_what, prepare, reason) => {
    prepare(world);
    world.show();
    await world.turn();
    world.show();
    await world.turn(60_000);
    expect(world.writes).toMatchObject([{ isResized: false, placement: null, reason }]);
    expect(world.held()).not.toContain('under way');
  });

  it('is refused where placements are unguarded', async () => {
    world.isAllowed = false;
    world.restart();
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    expect(world.writes).toMatchObject([{ reason: 'SwitchedOff' }]);
  });

  it('before the pod is on a node waits until it is', async () => {
    world.change({ nodeName: '' });
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    expect(world.writes).toEqual([]);
    world.change({ nodeName: 'n1' });
    world.show();
    await world.turn();
    expect(world.writes).toHaveLength(1);
  });

  it('is answered by the leader alone, once the cluster is seen', async () => {
    world.isLeader = false;
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn(5_000);
    expect([world.writes.length, world.held()]).toEqual([0, '4096 MiB']);
    world.isLeader = true;
    world.isReady = false;
    await world.turn(5_000);
    expect(world.writes).toEqual([]);
    world.isReady = true;
    await world.turn(5_000);
    expect(world.writes).toHaveLength(1);
  });

  it('asked anew while the first is written is answered too, the last one standing', async () => {
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    world.ask(askFor('2Gi', 'b'));
    world.show();
    await world.turn();
    world.show();
    expect(world.writes.map(({ reason }) => reason)).toEqual(['Resized', 'Shrunk']);
    expect(world.held()).toBe('2048 MiB');
  });

  it('twice in the same words is two requests where something came between', async () => {
    for (const asked of [askFor('8Gi'), askFor('2Gi'), askFor('8Gi')]) {
      world.ask(asked);
      world.show();
      await world.turn();
      world.show();
    }
    expect([world.held(), world.writes.length]).toEqual(['8192 MiB', 3]);
  });
});

describe('a resize that fails half-way', () => {
  it('by a conflict is decided again on the pod as the watch shows it then', async () => {
    world.ask(askFor('8Gi'));
    world.show();
    world.change({});
    await world.turn();
    expect(world.held()).toBe('8192 MiB, under way');
    world.show();
    await world.turn(100);
    world.show();
    expect([world.held(), world.writes.length]).toEqual(['8192 MiB', 2]);
    expect(world.faults).toEqual(['the object has been modified 50']);
  });

  it('by silence before it was done is written again, and its room stays taken meanwhile', async () => {
    world.fates.push(SILENCE, SILENCE);
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    expect(world.held()).toBe('8192 MiB, under way');
    await world.turn(50);
    await world.turn(100);
    world.show();
    expect([world.held(), world.writes.length]).toEqual(['8192 MiB', 3]);
  });

  it('by silence after it was done is found done by the watch', async () => {
    world.fates.push('late');
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    world.show();
    await world.turn(60_000);
    expect([world.held(), world.writes.length]).toEqual(['8192 MiB', 1]);
  });

  it('by silence is not given up while it may still land, though nobody asks any more', async () => {
    world.fates.push(SILENCE);
    world.ask(askFor('8Gi'));
    const asked = world.pod as PodView;
    world.show();
    await world.turn();
    world.show({ ...asked, isTerminating: true });
    expect(world.held()).toBe('8192 MiB, under way');
    world.change({ isTerminating: true });
    world.show();
    expect(world.held()).toBe('8192 MiB, under way');
  });

  it('by a plain no gives the room back, and is not tried again until something else is asked', async () => {
    world.fates.push(FORBIDDEN);
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    expect(world.held()).toBe('4096 MiB');
    world.change({});
    world.show();
    await world.turn(60_000);
    expect([world.writes.length, world.faults]).toEqual([1, ['forbidden null']]);
    world.ask(askFor('8Gi', 'b'));
    world.show();
    await world.turn();
    expect(world.writes).toHaveLength(2);
  });

  it('by our death between ledger and write is decided by the next one', async () => {
    world.fates.push(SILENCE);
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    world.restart();
    expect(world.held()).toBe('4096 MiB');
    await world.turn();
    world.show();
    expect([world.held(), world.writes.length]).toEqual(['8192 MiB', 2]);
  });

  it('by our death between write and watch is done', async () => {
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    world.restart();
    await world.turn(60_000);
    expect([world.held(), world.writes.length]).toEqual(['8192 MiB', 1]);
  });

  it('by the pod’s end leaves nothing behind', async () => {
    world.ask(askFor('8Gi'));
    world.show();
    world.remove();
    await world.turn(60_000);
    expect([world.held(), world.writes.length, world.clock.waiting]).toEqual(['0 MiB, gone', 0, 0]);
    world = new World();
    world.show();
    world.fates.push(SILENCE);
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    world.remove();
    await world.turn(60_000);
    expect([world.held(), world.writes.length, world.clock.waiting]).toEqual(['0 MiB, gone', 1, 0]);
  });

  it('by the leader’s lease that cannot be read is tried again', async () => {
    let asked = 0;
    Object.defineProperty(world, 'isLeader', {
      get: () => {
        asked += 1;
        if (asked === 1) throw new Error('no answer');
        return true;
      },
    });
    world.ask(askFor('8Gi'));
    world.show();
    await world.turn();
    expect([world.faults, world.writes.length]).toEqual([['no answer 50'], 0]);
    await world.turn(50);
    expect(world.writes).toHaveLength(1);
  });
});
