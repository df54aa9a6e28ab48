// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFile } from '../../../device-plugin/files.js';
import { accessedAtMs, SpecReader } from '../../../device-plugin/spec-reader.js';
import { folders } from '../../fakes/folder.js';
import type { Clock } from '../../../src/adapters/clock.js';

const newFolder = folders();

/** A clock that jumps as soon as somebody waits; `onTick` sees each new time. */
function jumping(onTick: (nowMs: number) => void = () => {}): Clock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    after(ms, job) {
      nowMs += ms;
      onTick(nowMs);
      queueMicrotask(job);
      return () => {};
    },
  };
}

describe('waiting for the runtime to read a spec', () => {
  it('ends with the first read', async () => {
    let accessed = 0;
    const clock = jumping((nowMs) => {
      if (nowMs >= 12) accessed = 5;
    });
    const unread: string[] = [];
    await new SpecReader({
      clock,
      accessedAtMs: () => accessed,
      onUnread: (path) => unread.push(path),
    }).awaitRead('a');
    expect([clock.now(), unread]).toEqual([12, []]);
  });

  it('is none where it was read before, or is not there', async () => {
    const clock = jumping();
    for (const accessed of [5, null])
      await new SpecReader({ clock, accessedAtMs: () => accessed, onUnread: () => {} }).awaitRead('a');
    expect(clock.now()).toBe(0);
  });

  it('ends after a second, and after a moment where access times never move', async () => {
    const unread: string[] = [];
    const clock = jumping();
    const reader = new SpecReader({ clock, accessedAtMs: () => 0, onUnread: (path) => unread.push(path) });
    const took: number[] = [];
    for (const path of ['a', 'b', 'c']) {
      const start = clock.now();
      await reader.awaitRead(path);
      took.push(clock.now() - start);
    }
    expect(took).toEqual([1002, 1002, 30]);
    expect(unread).toEqual(['a', 'b']);
  });

  it('goes by a mark that a real first read removes', () => {
    const path = join(newFolder(), 'spec.json');
    replaceFile({ path, content: '{}', mode: 0o644, isMarkedUnread: true });
    expect(accessedAtMs(path)).toBe(0);
    readFileSync(path);
    const { atimeMs } = statSync(path);
    expect(atimeMs).toBeGreaterThan(0);
  });
});
