// SPDX-License-Identifier: Apache-2.0

/** Rows in one piece: a node explained is 2 kB. */
const ROWS = 64;

/** The JSON text of `letter`, in pieces: its long lists are cut between two rows. */
export function* jsonPieces(letter: object): Generator<string, void, undefined> {
  let mark = '{';
  for (const [key, value] of Object.entries(letter) as [string, unknown][]) {
    if (value === undefined) continue;
    yield `${mark}${JSON.stringify(key)}:`;
    mark = ',';
    if (Array.isArray(value)) yield* listPieces(value);
    else yield JSON.stringify(value);
  }
  yield mark === '{' ? '{}' : '}';
}

function* listPieces(list: readonly unknown[]): Generator<string, void, undefined> {
  for (let at = 0; at < list.length; at += ROWS) {
    const rows = JSON.stringify(list.slice(at, at + ROWS)).slice(1, -1);
    yield `${at === 0 ? '[' : ','}${rows}`;
  }
  yield list.length === 0 ? '[]' : ']';
}
