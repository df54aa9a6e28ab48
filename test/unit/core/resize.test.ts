// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import type { NodeFacts } from '../../../src/core/node.js';
import type { Placement } from '../../../src/core/placement.js';
import { isResizeOf, resize, shrinksMemory, type SliceChange } from '../../../src/core/resize.js';
import { type ResizeRefusal, resizeText } from '../../../src/core/resize-refusals.js';
import { mib, milliCores } from '../../../src/core/units.js';
import { aDevice, aPlacement, aSighting, someFacts } from '../../builders/core.js';

const mine = aPlacement({ main: [['GPU-0', 4096, 300]] });
const other = aPlacement({ main: [['GPU-0', 10_000, 500]] });

/** Pod u1 has `placement`, its neighbour u2 10 000 MiB and 50 % of GPU-0. */
function ledgerOf(placement: Placement = mine, facts: Partial<NodeFacts> = {}, sighted = {}): Ledger {
  const ledger = new Ledger();
  ledger.setNode(someFacts(facts));
  ledger.confirm(aSighting({ claim: { kind: 'placed', placement }, ...sighted }));
  ledger.confirm(aSighting({ uid: 'u2', pod: 'default/p2', claim: { kind: 'placed', placement: other } }));
  return ledger;
}

const change = (memory: number | null, cores: number | null = null, named = {}): SliceChange => ({
  container: 'main',
  vendor: 'nvidia',
  memory: memory === null ? null : { kind: 'fixed', memory: mib(memory) },
  cores: cores === null ? null : milliCores(cores),
  ...named,
});

const ask = (ledger: Ledger, ...changes: readonly SliceChange[]) =>
  resize(ledger.holding('u1'), changes, ledger.node('n1'));

const refusal = (ledger: Ledger, ...changes: readonly SliceChange[]): ResizeRefusal => {
  const answer = ask(ledger, ...changes);
  if (answer.ok) throw new Error('it was granted');
  return answer.error;
};

describe('a resize', () => {
  it('changes the amounts named, and leaves the others and the device', () => {
    expect(ask(ledgerOf(), change(8192))).toEqual({
      ok: true,
      value: aPlacement({ main: [['GPU-0', 8192, 300]] }),
    });
    expect(ask(ledgerOf(), change(null, 0))).toEqual({
      ok: true,
      value: aPlacement({ main: [['GPU-0', 4096]] }),
    });
  });

  it('to what is had already is the same placement', () => {
    const ledger = ledgerOf();
    const { claim } = ledger.holding('u1') as { claim: { placement: Placement } };
    const answer = ask(ledger, change(4096, 300));
    expect(answer.ok && answer.value).toBe(claim.placement);
  });

  it('keeps how the slice lives with others, as far as that still says something', () => {
    const [slice] = mine.containers[0]?.slices ?? [];
    const shared = { ...slice, isSoft: true, weight: 3, ceiling: mib(8000) } as NonNullable<typeof slice>;
    const ledger = ledgerOf({ containers: [{ name: 'main', slices: [shared] }] });
    const given = (...amounts: Parameters<typeof change>) => {
      const answer = ask(ledger, change(...amounts));
      return answer.ok && answer.value.containers[0]?.slices[0];
    };
    expect(given(6000)).toEqual({ ...shared, memory: 6000 });
    expect(given(8000)).toEqual({ ...slice, memory: 8000, isSoft: true, weight: 3 });
    expect(given(6000, 0)).toEqual({ ...slice, memory: 6000, cores: 0, ceiling: 8000 });
  });

  it('of a share is of each device anew, and of every device of the container', () => {
    const facts = { devices: [aDevice(), aDevice({ id: 'GPU-1', index: 1, memory: 20_000 })] };
    const two = aPlacement({
      main: [
        ['GPU-0', 4096],
        ['GPU-1', 2000],
      ],
    });
    const share = { memory: { kind: 'share' as const, permille: 250 } };
    expect(ask(ledgerOf(two, facts), change(null, null, share))).toEqual({
      ok: true,
      value: aPlacement({
        main: [
          ['GPU-0', 10_240],
          ['GPU-1', 5000],
        ],
      }),
    });
  });

  it('fits to the last MiB beside what others hold, and says what would fit where it does not', () => {
    expect(ask(ledgerOf(), change(30_960)).ok).toBe(true);
    expect(refusal(ledgerOf(), change(30_961))).toEqual({
      ...{ kind: 'MemoryShort', container: 'main', device: 'GPU-0' },
      ...{ want: 30_961, fits: 30_960 },
    });
    expect(refusal(ledgerOf(), change(null, 600))).toMatchObject({
      kind: 'CoresShort',
      want: 600,
      fits: 500,
    });
  });

  it('of several devices says what would fit on the tightest', () => {
    const two = aPlacement({
      main: [
        ['GPU-0', 4096],
        ['GPU-1', 4096],
      ],
    });
    expect(refusal(ledgerOf(two), change(40_000))).toMatchObject({ device: 'GPU-0', fits: 30_960 });
  });

  it('counts sidecars beside the apps, and init containers in their own time', () => {
    const containers = [
      { name: 'prepare', kind: 'init' as const },
      { name: 'side', kind: 'sidecar' as const },
      { name: 'main', kind: 'app' as const },
    ];
    const all = aPlacement({
      prepare: [['GPU-0', 20_000]],
      side: [['GPU-0', 5000]],
      main: [['GPU-0', 5000]],
    });
    const ledger = ledgerOf(all, {}, { containers });
    expect(ask(ledger, change(25_960)).ok).toBe(true);
    expect(refusal(ledger, change(25_961))).toMatchObject({ container: 'main', fits: 25_960 });
    expect(ask(ledger, change(10_960, null, { container: 'side' })).ok).toBe(true);
  });

  it('to less is granted on a device that is closed or overfull, and to more is not', () => {
    const cordoned = ledgerOf(mine, { cordoned: 'all' });
    expect(ask(cordoned, change(1000)).ok).toBe(true);
    expect(refusal(cordoned, change(5000)).kind).toBe('DeviceClosed');
    const overfull = ledgerOf(mine, { devices: [aDevice({ memory: 12_000 })] });
    expect(ask(overfull, change(4095)).ok).toBe(true);
    expect(refusal(overfull, change(4097))).toMatchObject({ kind: 'MemoryShort', fits: 2000 });
  });

  it('may use what overcommit adds, and is told to the node', () => {
    const physical = { memory: mib(40_960), cores: milliCores(1000), splits: 10 };
    const ledger = ledgerOf(mine, { devices: [aDevice({ memory: 81_920, physical })] });
    const answer = ask(ledger, change(40_000));
    expect(answer.ok && answer.value.containers[0]?.slices[0]?.of).toEqual({
      memory: 81_920,
      cores: 1000,
      splits: 10,
    });
  });

  it.each<[string, Placement, Partial<NodeFacts>, SliceChange, string]>([
    ['a whole device', aPlacement({ main: [['GPU-1', 40_960, 1000]] }), {}, change(4096), 'WholeDevice'],
    ['to a whole device', aPlacement({ main: [['GPU-1', 4096]] }), {}, change(40_960), 'BecomesWhole'],
    ['to all compute', aPlacement({ main: [['GPU-1', 4096]] }), {}, change(null, 1000), 'BecomesWhole'],
    ['another container', mine, {}, change(1, null, { container: 'x' }), 'NoSlice'],
    ['another vendor', mine, {}, change(1, null, { vendor: 'amd' }), 'NoSlice'],
    ['a device that is gone', mine, { devices: [] }, change(1), 'DeviceUnknown'],
    [
      'a hardware part',
      mine,
      { devices: [aDevice({ cuts: { kind: 'sizes', sizes: [] } })] },
      change(1),
      'FixedCut',
    ],
  ])('of %s is refused', (_what, placement, facts, asked, kind) => {
    const told = refusal(ledgerOf(placement, facts), asked);
    expect(told.kind).toBe(kind);
    expect(resizeText(told)).toMatch(/^[^\n]+$/);
  });

  it('where a pod beside it cannot be read gives no more, and takes', () => {
    const ledger = ledgerOf();
    const claim = { kind: 'unreadable' as const, detail: 'x' };
    ledger.confirm(aSighting({ uid: 'u3', pod: 'default/p3', claim }));
    expect(refusal(ledger, change(4097))).toEqual({ kind: 'HeldByUnreadablePlacement', pod: 'default/p3' });
    expect(ask(ledger, change(4095)).ok).toBe(true);
  });

  it('of what is not held, or in trouble, is refused', () => {
    expect(resize(undefined, [change(1)], undefined)).toMatchObject({ error: { kind: 'NotPlaced' } });
    const ledger = ledgerOf();
    ledger.confirm(aSighting({ claim: { kind: 'placed', placement: other } }));
    expect(refusal(ledger, change(1))).toMatchObject({ kind: 'NotPlaced', detail: /changed after/ });
  });
});

describe('a resize under way', () => {
  const next = aPlacement({ main: [['GPU-0', 8192, 100]] });
  const heldOf = (ledger: Ledger) => {
    const [state] = ledger.node('n1')?.vendors.get('nvidia')?.devices ?? [];
    return [state?.hold.memory, state?.hold.cores, state?.hold.slices];
  };
  const seen = (ledger: Ledger, placement: Placement) =>
    ledger.confirm(aSighting({ claim: { kind: 'placed', placement } }));

  it('holds the more of both, quantity by quantity, and its own room is its own', () => {
    const ledger = ledgerOf();
    ledger.intend('u1', next);
    expect(heldOf(ledger)).toEqual([18_192, 800, 2]);
    expect(ask(ledger, change(30_960)).ok).toBe(true);
    expect(refusal(ledger, change(30_961)).kind).toBe('MemoryShort');
  });

  it('is over when the watch shows it, or is given up, and makes room either way', () => {
    const ledger = ledgerOf();
    ledger.intend('u1', next);
    const { openings } = ledger;
    expect(seen(ledger, next)).toMatchObject({ trouble: '', claim: { placement: next } });
    expect(heldOf(ledger)).toEqual([18_192, 600, 2]);
    expect(ledger.openings).toBeGreaterThan(openings);
    ledger.intend('u1', mine);
    ledger.abandon('u1');
    expect(heldOf(ledger)).toEqual([18_192, 600, 2]);
  });

  it('stays under way while the watch shows what was', () => {
    const ledger = ledgerOf();
    ledger.intend('u1', next);
    expect(seen(ledger, mine)).toMatchObject({ trouble: '', next });
    expect(heldOf(ledger)).toEqual([18_192, 800, 2]);
  });

  it('does not make a stranger’s letter believed', () => {
    const ledger = ledgerOf();
    ledger.intend('u1', next);
    expect(seen(ledger, other)).toMatchObject({ trouble: 'its placement was changed after it was given' });
    expect(heldOf(ledger)).toEqual([18_192, 800, 2]);
    expect(seen(ledger, next)).toMatchObject({ trouble: '', claim: { placement: next } });
  });

  it('of a pod that is gone, or only assumed, is nothing', () => {
    const ledger = ledgerOf();
    ledger.intend('gone', next);
    ledger.abandon('gone');
    ledger.intend('u1', next);
    ledger.release('u1');
    expect(heldOf(ledger)).toEqual([10_000, 500, 1]);
  });
});

describe('every resize granted', () => {
  const placementOf = (ledger: Ledger): Placement =>
    (ledger.holding('u1')?.claim as { readonly placement: Placement }).placement;
  const memoryOf = ({ containers }: Placement): number => containers[0]?.slices[0]?.memory ?? 0;

  function take(
    ledger: Ledger,
    { memory, cores }: { readonly memory: number; readonly cores: number },
  ): void {
    const answer = ask(ledger, change(memory, cores));
    if (!answer.ok) return;
    const before = placementOf(ledger);
    expect(isResizeOf(before, answer.value)).toBe(true);
    expect(shrinksMemory(before, answer.value)).toBe(memory < memoryOf(before));
    ledger.intend('u1', answer.value);
    ledger.confirm(aSighting({ claim: { kind: 'placed', placement: answer.value } }));
  }

  it('leaves each device no more than full, and is nothing but other amounts', () => {
    const amounts = fc.record({ memory: fc.nat(45_000), cores: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(amounts, { maxLength: 4 }), (all) => {
        const ledger = ledgerOf();
        for (const each of all) take(ledger, each);
        for (const { hold } of ledger.node('n1')?.vendors.get('nvidia')?.devices ?? []) {
          expect(hold.memory).toBeLessThanOrEqual(40_960);
          expect(hold.cores).toBeLessThanOrEqual(1000);
        }
      }),
    );
  });
});
