// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { createPatience, Doubts, NEWS_MS, REST_MS } from '../../../src/scheduling/patience.js';

let now: number;
let revision: number;
/** When something is heard. */
let newsAt: number;
let awaitNews: (seen: number) => Promise<boolean>;

beforeEach(() => {
  now = 10_000;
  revision = 1;
  newsAt = Number.POSITIVE_INFINITY;
  awaitNews = createPatience({
    now: () => now,
    pause: async (ms) => {
      now += ms;
      if (now >= newsAt) revision = 2;
    },
    revision: () => revision,
  });
});

describe('before all nodes are refused', () => {
  it('news that came meanwhile is worth asking again, at once', async () => {
    expect(await awaitNews(0)).toBe(true);
    expect(now).toBe(10_000);
  });

  it('waits for news, and no longer than until it comes', async () => {
    newsAt = now + 7;
    expect(await awaitNews(1)).toBe(true);
    expect(now).toBe(10_010);
  });

  it('gives up where none comes', async () => {
    expect(await awaitNews(1)).toBe(false);
    expect(now).toBe(10_000 + NEWS_MS);
  });

  it('rests after a wait: many refusals in a row do not stop the loop', async () => {
    await awaitNews(1);
    const after = now;
    expect(await awaitNews(1)).toBe(false);
    expect(now).toBe(after);
    now = 10_000 + REST_MS;
    await awaitNews(1);
    expect(now).toBe(10_000 + REST_MS + NEWS_MS);
  });
});

describe('a no given again though nothing was heard since', () => {
  it('is doubted once, then stands, for each time that kube-scheduler wakes the pod', () => {
    const doubts = new Doubts();
    expect([1, 1, 1, 1, 1].map((heard) => doubts.doubt('pod', heard))).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  it('stands at once where something was heard', () => {
    const doubts = new Doubts();
    expect([1, 2, 3].map((heard) => doubts.doubt('pod', heard))).toEqual([false, false, false]);
  });

  it('is remembered for each pod by itself, of the last ten thousand', () => {
    const doubts = new Doubts();
    doubts.doubt('first', 1);
    expect(doubts.doubt('second', 1)).toBe(false);
    expect(doubts.doubt('first', 1)).toBe(true);
    for (let i = 0; i < 10_000; i++) doubts.doubt(`other-${i}`, 1);
    expect(doubts.doubt('second', 1)).toBe(false);
  });
});
