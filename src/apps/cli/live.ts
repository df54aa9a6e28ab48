// SPDX-License-Identifier: Apache-2.0
// A picture that is drawn anew until the user has had enough.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { quitKey } from './keys.js';

/** The other screen of the terminal, so that the user's scrollback stays; no cursor; long lines are cut. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const WIPE_LINE = '\u001b[K';
const WIPE_BELOW = '\u001b[J';

export async function live(
  look: () => Promise<string>,
  intervalMs: number,
  stop: AbortSignal,
): Promise<void> {
  process.stdout.write(ENTER);
  const { signal, restore } = quitKey(stop);
  // Who is asked may take seconds: the user who quits does not wait for it.
  const ended = once(signal, 'abort').then(() => null);
  try {
    while (!signal.aborted) {
      const frame = await Promise.race([look(), ended]);
      if (frame === null) return;
      draw(frame);
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    restore();
    process.stdout.write(LEAVE);
  }
}

/** Each line wipes its own rest: no flicker, nothing left of a longer line. */
function draw(frame: string): void {
  const lines = frame.split('\n').map((line) => `${line}${WIPE_LINE}`);
  process.stdout.write(`${HOME}${lines.join('\n')}\n${WIPE_BELOW}`);
}
