// SPDX-License-Identifier: Apache-2.0
// A key that ends a live picture. The terminal hands over keys at once only in raw mode, where Ctrl-C is a key too.

const QUIT = ['q', 'Q', '\u0003'];

export interface Quit {
  /** Aborted by the key, or with `stop`. */
  readonly signal: AbortSignal;
  /** The terminal as it was. */
  restore(): void;
}

export function quitKey(stop: AbortSignal, input: NodeJS.ReadStream = process.stdin): Quit {
  if (input.isTTY !== true) return { signal: stop, restore: () => undefined };
  const quit = new AbortController();
  const onKey = (keys: Buffer): void => {
    if (QUIT.some((key) => keys.toString().includes(key))) quit.abort();
  };
  input.setRawMode(true);
  input.on('data', onKey);
  return {
    signal: AbortSignal.any([stop, quit.signal]),
    restore() {
      input.off('data', onKey).pause();
      input.setRawMode(false);
    },
  };
}
