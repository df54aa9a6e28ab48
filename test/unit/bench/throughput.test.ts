// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { perPod } from '../../../bench/throughput/cpu.js';
import type { Kind } from '../../../bench/throughput/kinds.js';
import { serveLists } from '../../../bench/throughput/lists.js';
import type { Outcome } from '../../../bench/throughput/round.js';
import { contactRows, type Rounds, sizeRows } from '../../../bench/throughput/rows.js';
import { readSettings } from '../../../bench/throughput/settings.js';
import { VENDORS } from '../../../src/vendors/index.js';
import { readNodeFacts } from '../../../src/wire/node-view.js';
import { readPodView } from '../../../src/wire/pod-view.js';

const outcome = (rate: number, named: Partial<Outcome> = {}): Outcome => ({
  rate,
  coldRate: null,
  cpu: { scheduler: 2, apiServer: 3 },
  contact: null,
  ...named,
});

const rounds = (rates: Readonly<Record<Kind, readonly number[]>>): Rounds => ({
  bare: rates.bare.map((rate) => outcome(rate)),
  'do-nothing': rates['do-nothing'].map((rate) => outcome(rate)),
  kerf: rates.kerf.map((rate) => outcome(rate)),
});

describe('the throughput bench', () => {
  it.each([
    [75, true],
    [74, false],
  ])('holds Kerf to three quarters of the rate alone, round by round: %i of 100', (rate, holds) => {
    const quiet = { bare: [100, 200, 400], 'do-nothing': [90, 180, 360], kerf: [rate, rate * 2, rate * 4] };
    const rows = sizeRows(1000, rounds(quiet));
    expect(rows.filter((row) => row.holds !== null)).toMatchObject([
      { metric: '1000 nodes, Kerf / alone, median of 3', value: rate / 100, bar: '≥ 0.75', holds },
    ]);
  });

  it('tells the CPU of each program, and of all', () => {
    const rows = sizeRows(1000, rounds({ bare: [1], 'do-nothing': [1], kerf: [1] }));
    const told = rows.filter(({ metric }) => metric.startsWith('1000 nodes, with Kerf: CPU'));
    expect(told.map(({ value }) => value)).toEqual([2, 3, 5]);
    expect(perPod({ scheduler: 100 }, { scheduler: 300, extender: 50 }, 100)).toEqual({
      scheduler: 2,
      extender: 0.5,
    });
  });

  it('misses first contact where anything but the two lists and watches was asked', () => {
    const kerf = (extra: readonly (readonly [string, number])[]): Rounds => {
      const expected = ['list nodes', 'watch nodes', 'list pods', 'watch pods'].map(
        (what) => [what, 1] as const,
      );
      const contact = { seconds: 1, requests: new Map([...expected, ...extra]) };
      return { bare: [], 'do-nothing': [], kerf: [outcome(1, { contact })] };
    };
    const holds = (all: Rounds) => contactRows(1000, all).map((row) => row.holds);
    expect(holds(kerf([]))).toEqual([...Array(7).fill(null), true]);
    expect(holds(kerf([['get nodes', 1000]]))).toEqual([...Array(7).fill(null), false]);
  });

  it('plays lists that the scheduler reads whole: every device, a slice on each', async () => {
    const lists = await serveLists(3, 24);
    const read = async (path: string) => {
      const answer = await fetch(`${lists.url}${path}`);
      return (await answer.json()) as { items: unknown[]; metadata: { continue?: string } };
    };
    const nodes = (await read('/api/v1/nodes')).items.map((raw) => readNodeFacts(raw, VENDORS));
    expect(nodes.map(({ devices, unreadable }) => [devices.length, unreadable.size])).toEqual([
      [8, 0],
      [8, 0],
      [8, 0],
    ]);
    const first = await read('/api/v1/pods?limit=20');
    const rest = await read(`/api/v1/pods?limit=20&continue=${first.metadata.continue}`);
    expect([first.items.length, rest.items.length, rest.metadata.continue]).toEqual([20, 4, undefined]);
    const pods = [...first.items, ...rest.items].map((raw) => readPodView(raw, VENDORS));
    expect(new Set(pods.map(({ placement }) => placement)).size).toBe(24);
    lists.close();
  });
});

describe('the settings of the throughput bench', () => {
  it('are those of a quarter of an hour where nobody says otherwise', () => {
    expect(readSettings({})).toEqual({ nodes: [1000, 5000], pods: 2000, rounds: 3 });
  });

  it('are read, the fewest nodes first', () => {
    const env = { KERF_BENCH_NODES: '5000, 100', KERF_BENCH_PODS: '600', KERF_BENCH_ROUNDS: '1' };
    expect(readSettings(env)).toEqual({ nodes: [100, 5000], pods: 600, rounds: 1 });
  });

  it.each([
    [{ KERF_BENCH_NODES: '1000,x' }, "KERF_BENCH_NODES has 'x': whole numbers from 1 on would be right"],
    [{ KERF_BENCH_PODS: '1' }, "KERF_BENCH_PODS has '1': whole numbers from 2 on would be right"],
    [{ KERF_BENCH_ROUNDS: '0' }, "KERF_BENCH_ROUNDS has '0': whole numbers from 1 on would be right"],
  ])('are refused with a sentence: %j', (env, sentence) => {
    expect(() => readSettings(env)).toThrow(sentence);
  });
});
