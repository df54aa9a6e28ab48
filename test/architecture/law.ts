// SPDX-License-Identifier: Apache-2.0
// The law of the house, and the checks that hold it. Pure: files come in as text, breaches go out as sentences.
import ts from 'typescript';

/** The whole law of the house: a folder may import itself and what its row names. Nothing else. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  // What admins write by: data alone, and the schema that an adapter holds it to.
  'scheduler-config': [],
  'src/core': [],
  'src/vendors': ['src/core'],
  'src/wire': ['src/core', 'src/vendors'],
  'src/admission': ['src/core', 'src/vendors', 'src/wire'],
  'src/scheduling': ['src/core', 'src/vendors', 'src/wire'],
  'src/observing': ['src/core', 'src/vendors', 'src/wire'],
  'src/adapters': [
    'src/core',
    'src/vendors',
    'src/wire',
    'src/scheduling',
    'src/observing',
    'scheduler-config',
  ],
  'src/apps': [
    'src/core',
    'src/vendors',
    'src/wire',
    'src/admission',
    'src/scheduling',
    'src/observing',
    'src/adapters',
  ],
  'device-plugin': ['src/core', 'src/vendors', 'src/wire', 'src/adapters'],
};

/** Rooms that compile without Node's types; they import no package either (tsconfig.pure.json is held to this). */
export const PURE = [
  'src/core',
  'src/vendors',
  'src/wire',
  'src/admission',
  'src/scheduling',
  'src/observing',
] as const;

/** The rooms that may say a vendor's name; all others ask the table in src/vendors. */
export const MAY_NAME_VENDORS = ['src/vendors', 'src/wire', 'src/adapters'] as const;

/** Words that say nothing about what a thing is. (`Process` may be said of the system's processes, `handle` of a verb.) */
const EMPTY_WORDS = ['Manager', 'Helper', 'Util', 'Utils', 'Common', 'Info', 'Data'];

/** Path from the root, with `/`, to content. */
export type Files = ReadonlyMap<string, string>;

export function roomOf(path: string): string | undefined {
  return Object.keys(MAY_IMPORT).find((room) => path.startsWith(`${room}/`));
}

/** Every module a file names: static, type-only, dynamic and re-exported. */
export function importsOf(text: string): readonly string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
}

/** `./x.js` seen from `src/a/b.ts` is `src/a/x.ts`; a package stays as it is written. */
export function targetOf(path: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const parts = path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}

export function breachesOfImportLaw(files: Files): readonly string[] {
  return eachImport(files).flatMap((edge) => breachOf(edge) ?? []);
}

function breachOf({ path, specifier, target }: Edge): string | null {
  const room = roomOf(path);
  if (room === undefined) return path.startsWith('src/') ? `${path} lies in no room of the law` : null;
  if (!specifier.startsWith('.'))
    return isPure(room) ? `${path} imports the package ${specifier}, and ${room} is pure` : null;
  const other = roomOf(target);
  const allowed = [room, ...(MAY_IMPORT[room] ?? [])];
  if (other !== undefined && allowed.includes(other)) return null;
  return `${path} imports ${target}: this folder may import ${allowed.join(', ')}`;
}

/** Each cycle once, as the list of files from its first to its first again. */
export function importCycles(files: Files): readonly (readonly string[])[] {
  const edges = new Map<string, string[]>();
  for (const { path, target } of eachImport(files))
    if (files.has(target)) edges.set(path, [...(edges.get(path) ?? []), target]);
  const done = new Set<string>();
  const cycles: string[][] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) cycles.push([...trail.slice(seenAt), path]);
    if (seenAt >= 0 || done.has(path)) return;
    for (const target of edges.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return cycles;
}

export function breachesOfVendorRule(files: Files, vendors: readonly string[]): readonly string[] {
  const names = new RegExp(vendors.join('|'), 'i');
  return [...files].flatMap(([path, text]) => {
    const room = roomOf(path);
    if (room === undefined || (MAY_NAME_VENDORS as readonly string[]).includes(room)) return [];
    const line = text.split('\n').findIndex((row) => names.test(row));
    return line < 0 ? [] : [`${path}:${line + 1} says a vendor's name: ask src/vendors`];
  });
}

export function breachesOfSpdx(files: Files): readonly string[] {
  return [...files].flatMap(([path, text]) => {
    const [first = '', second = ''] = text.split('\n', 2);
    const line = first.startsWith('#!') ? second : first;
    return line.includes('SPDX-License-Identifier: Apache-2.0')
      ? []
      : [`${path} does not start with // SPDX-License-Identifier: Apache-2.0`];
  });
}

export function breachesOfFileNames(paths: Iterable<string>): readonly string[] {
  return [...paths].flatMap((path) => {
    const name = path.split('/').at(-1) ?? '';
    if (!/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(name)) return [`${path} is not named in kebab-case`];
    const empty = EMPTY_WORDS.find((word) => name.split(/[.-]/).includes(word.toLowerCase()));
    return empty === undefined ? [] : [`${path} has the empty word ${empty} in its name`];
  });
}

/** Names of exported types, classes and interfaces; functions may well handle or process something. */
export function breachesOfWords(files: Files): readonly string[] {
  return [...files].flatMap(([path, text]) =>
    [...text.matchAll(/^export (?:abstract )?(?:class|interface|type) ([A-Z]\w*)/gm)].flatMap(([, name]) => {
      const word = name?.match(/[A-Z][a-z0-9]*/g)?.find((part) => EMPTY_WORDS.includes(part));
      return word === undefined ? [] : [`${path} exports ${name}: ${word} says nothing`];
    }),
  );
}

export function breachesOfLength(files: Files, limit: number): readonly string[] {
  return [...files].flatMap(([path, text]) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > limit ? [`${path} has ${lines} lines, more than ${limit}`] : [];
  });
}

/** Rows of the markdown table in docs/architecture.md under `| folder | may import |`. */
export function lawInMarkdown(text: string): Record<string, readonly string[]> {
  const lines = text.split('\n');
  const start = lines.indexOf('| folder | may import |');
  const rows: Record<string, readonly string[]> = {};
  if (start < 0) return rows;
  for (const line of lines.slice(start + 2)) {
    const cells = line
      .split('|')
      .map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));
    if (!line.startsWith('|')) break;
    rows[cells[1]?.[0] ?? ''] = cells[2] ?? [];
  }
  return rows;
}

function isPure(room: string): boolean {
  return (PURE as readonly string[]).includes(room);
}

interface Edge {
  readonly path: string;
  readonly specifier: string;
  readonly target: string;
}

function eachImport(files: Files): readonly Edge[] {
  return [...files].flatMap(([path, text]) =>
    importsOf(text).map((specifier) => ({ path, specifier, target: targetOf(path, specifier) })),
  );
}
