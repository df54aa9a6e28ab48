// SPDX-License-Identifier: Apache-2.0
// What the reader sees: sentences, and below them a picture that is redrawn in place while something happens.
// Without a terminal the picture is printed once, when the act is over.
import { setTimeout as sleep } from 'node:timers/promises';
import { wantsColour } from '../cli/io.js';
import { paint, toned, type Tone } from '../cli/table.js';

const EVERY_MS = 700;
const UP = (lines: number): string => `\u001b[${lines}A`;
const WIPE_LINE = '\u001b[K';
const WIPE_BELOW = '\u001b[J';
/** A line wider than the terminal is cut, or going up by lines would miss. */
const CUT = '\u001b[?7l';
const WRAP = '\u001b[?7h';

export class Stage {
  readonly isTty = process.stdout.isTTY === true;
  readonly hasColour = wantsColour(this.isTty, process.env);

  say(text: string, tone: Tone = 'plain'): void {
    process.stdout.write(`${paint(toned(text, tone), this.hasColour)}\n`);
  }

  chapter(text: string): void {
    this.say('');
    this.say(`── ${text}`, 'bold');
  }

  /** Redraws `picture` until `act` is over, then once more; answers what the act answered. */
  async during<T>(act: Promise<T>, picture: () => Promise<string>): Promise<T> {
    const over = act.then(
      () => true,
      () => true,
    );
    let height = 0;
    while (!(await Promise.race([over, sleep(EVERY_MS, false)]))) {
      if (this.isTty) height = this.#draw(await picture(), height);
    }
    this.#draw(await picture(), height);
    return act;
  }

  /** Over the picture before, whose height is given; answers the new one's. */
  #draw(frame: string, before: number): number {
    const lines = frame.split('\n');
    const cut = lines.map((line) => `${line}${this.isTty ? WIPE_LINE : ''}`);
    const home = before > 0 ? UP(before) : '';
    const [first, last] = this.isTty ? [CUT, WIPE_BELOW + WRAP] : ['', ''];
    process.stdout.write(`${first}${home}${cut.join('\n')}\n${last}`);
    return lines.length;
  }
}
