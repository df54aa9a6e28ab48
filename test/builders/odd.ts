// SPDX-License-Identifier: Apache-2.0
// Letters gone wrong: a good one with some values replaced by what nobody expects there, cut or followed by garbage.
import fc from 'fast-check';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export function nested(depth: number): Json {
  let value: Json = [];
  for (let at = 0; at < depth; at++) value = at % 2 === 0 ? [value] : { a: value };
  return value;
}

const DEEP = nested(3000);
const LONG = 'x'.repeat(70_000);

/** JSON.parse makes `__proto__` a key like any other. */
const PROTO = JSON.parse('{"__proto__":{"a":1},"constructor":1,"toString":0,"length":-1}') as Json;

const ODD: readonly Json[] = [
  ...[null, true, false, 0, -1, 0.5, 1e21, 1e308, 2 ** 53, -0, '', ' ', '0', '-1', '1e999', '16Gi', '3k'],
  ...['NaN', 'null', '\u0000', 'a\u0000b', '\ud800', '💥\u202e', '../..', '__proto__', 'constructor'],
  ...['{', '[]', '{}', '{"v":1}', '{"v":1,"containers":{}}', '"', "'", '%00', ',,,', '*', '9'.repeat(400)],
  ...[LONG, [], {}, [null], [[]], [{}], { a: null }, PROTO, DEEP],
];

interface Change {
  readonly where: number;
  readonly what: Json;
  readonly isGone: boolean;
}

const changes = fc.array(
  fc.record({
    where: fc.nat(10_000),
    what: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...ODD) }, fc.jsonValue() as fc.Arbitrary<Json>),
    isGone: fc.constantFrom(false, false, false, true),
  }),
  { minLength: 1, maxLength: 4 },
);

/** A good letter with one to four of its values changed or taken away. */
export function wrong<T>(good: T): fc.Arbitrary<T> {
  return changes.map((all) => all.reduce<Json>(changed, good as Json) as T);
}

/** As text, and the text itself cut or spoilt now and then. */
export function wrongText(good: unknown): fc.Arbitrary<string> {
  return fc
    .record({ letter: wrong(good), cut: fc.double({ min: 0, max: 1, noNaN: true }), how: fc.nat(9) })
    .map(({ letter, cut, how }) => {
      const text = JSON.stringify(letter);
      if (how === 0) return text.slice(0, Math.floor(cut * text.length));
      if (how === 1) return `${text}${text}`;
      if (how === 2) return `\ufeff${text}`;
      return text;
    });
}

type Path = readonly (string | number)[];

function changed(letter: Json, { where, what, isGone }: Change): Json {
  const paths = pathsOf(letter);
  return replaced(letter, paths[where % paths.length] as Path, isGone ? undefined : what);
}

/** Not into what is odd already: it may be deep. */
function pathsOf(value: Json, depth = 0): readonly Path[] {
  if (typeof value !== 'object' || value === null || depth > 12) return [[]];
  const below = Object.entries(value).flatMap(([key, part]) =>
    pathsOf(part as Json, depth + 1).map((path) => [key, ...path]),
  );
  return [[], ...below];
}

function replaced(value: Json, path: Path, by: Json | undefined): Json {
  const [key, ...rest] = path;
  if (key === undefined) return by === undefined ? null : by;
  const entries = Object.entries(value as Record<string, Json>).flatMap(([own, part]) => {
    if (own !== key) return [[own, part] as const];
    if (rest.length === 0 && by === undefined) return [];
    return [[own, replaced(part, rest, by)] as const];
  });
  return Array.isArray(value) ? entries.map(([, part]) => part) : Object.fromEntries(entries);
}
