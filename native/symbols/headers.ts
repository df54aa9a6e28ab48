// SPDX-License-Identifier: Apache-2.0
// Names and versions out of the text of CUDA's and NVML's headers. Pure: text in, facts out.

export interface Header {
  /** CUDA version as the driver counts: 12090. */
  readonly version: number;
  readonly text: string;
}

/** What cuGetProcAddress answers: `name`, asked from `since` on, with `stream` 2 for per-thread default streams. */
export interface Given {
  readonly symbol: string;
  readonly name: string;
  readonly since: number;
  readonly stream: 0 | 2;
}

export interface Span {
  readonly first: number;
  readonly last: number;
}

type Names = ReadonlyMap<string, Span>;

function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/[^\n]*/g, '');
}

function all(text: string, pattern: RegExp): readonly (readonly string[])[] {
  return [...text.matchAll(pattern)].map((match) => match.map((part) => part ?? ''));
}

/** Functions a header declares, and all per-thread and older forms its macros lead to (cudaProfiler.h is in no wheel). */
function cudaNames(text: string): readonly string[] {
  const inlines = new Set(all(text, /static inline CUresult (cu[A-Z]\w*)\(/g).map(([, name = '']) => name));
  const declared = all(text, /\bCUresult\s+CUDAAPI\s+(cu[A-Z]\w*)\s*\(/g).map(([, name = '']) => name);
  const streams = all(text, /__CUDA_API_(PTDS|PTSZ)\((cu[A-Z]\w*)\)/g);
  const profiler = all(text, /\*\s*PFN_(cuProfiler\w*?)_v\d+\)/g).map(([, name = '']) => name);
  const renamed = all(text, /#\s*define\s+(cu[A-Z]\w*)\s+(cu[A-Z]\w*)\s*$/gm);
  const names = [
    ...declared,
    ...profiler,
    ...streams.flatMap(([, kind = '', name = '']) => [name, `${name}_${kind.toLowerCase()}`]),
    ...renamed.flatMap(([, from = '', to = '']) => [from, to]),
  ];
  return names.filter((name) => !inlines.has(name));
}

function nvmlNames(text: string): readonly string[] {
  return all(text, /\bDECLDIR\s+(?:char\s*\*\s*)?(nvml[A-Z]\w*)\s*\(/g).map(([, name = '']) => name);
}

function spans(headers: readonly Header[], namesOf: (text: string) => readonly string[]): Names {
  const found = new Map<string, Span>();
  for (const { version, text } of [...headers].sort((a, b) => a.version - b.version))
    for (const name of namesOf(code(text)))
      found.set(name, { first: found.get(name)?.first ?? version, last: version });
  return found;
}

export const cudaSpans = (headers: readonly Header[]): Names => spans(headers, cudaNames);
export const nvmlSpans = (headers: readonly Header[]): Names => spans(headers, nvmlNames);

interface Form {
  readonly suffix: string;
  readonly stream: 0 | 2;
}

const FORMS: readonly Form[] = [
  { suffix: '', stream: 0 },
  { suffix: '_ptds', stream: 2 },
  { suffix: '_ptsz', stream: 2 },
];

/** Versions of which the typedef headers know a form of each function: `cuMemAlloc` with `` to [3020]. */
function typedVersions(headers: readonly Header[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, Set<number>>();
  for (const { text } of headers)
    for (const [, name, version, suffix] of all(
      code(text),
      /\*\s*PFN_(cu[A-Z]\w*?)_v(\d{4,5})(_pt[ds][sz])?\)/g,
    )) {
      const key = `${name}${suffix}`;
      found.set(key, (found.get(key) ?? new Set()).add(Number(version)));
    }
  return new Map([...found].map(([key, versions]) => [key, [...versions].sort((a, b) => a - b)]));
}

/**
 * The typedef headers tell versions, the others symbols. Of one name both grow in the same order, so the newest version
 * belongs to the newest symbol, and so on down; a symbol older than all typedefs has been there since CUDA 2.0.
 */
export function given(names: Names, typedefs: readonly Header[]): readonly Given[] {
  const typed = typedVersions(typedefs);
  const bases = new Set([...names.keys()].map((name) => name.replace(/(_v\d+)?(_pt[ds][sz])?$/, '')));
  return [...bases].flatMap((name) =>
    FORMS.flatMap(({ suffix, stream }) => {
      const versions = typed.get(`${name}${suffix}`) ?? [];
      const symbols = familyOf(name, suffix, names);
      return symbols.map((symbol, at) => {
        const since = versions[versions.length - symbols.length + at] ?? 2000;
        return { symbol, name, since, stream };
      });
    }),
  );
}

function familyOf(name: string, suffix: string, names: Names): readonly string[] {
  return ['', '_v2', '_v3', '_v4', '_v5', '_v6']
    .map((v) => `${name}${v}${suffix}`)
    .filter((each) => names.has(each));
}
