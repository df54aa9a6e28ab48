// SPDX-License-Identifier: Apache-2.0
// `npm run symbols`: reads the headers of every wheel in wheels.tsv and writes cuda.tsv and nvml.tsv anew. For a new
// CUDA version: add its wheels there, run this, then classify what the build says is not classified.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cudaSpans, given, type Header, nvmlSpans, type Span } from './headers.js';
import { cudaVersion, readWheels, unpackedWheel } from './wheels.js';

const CUDA_HEADERS = /^cuda(|GL|EGL|VDPAU|ProfilerTypedefs)\.h$/;
const TYPEDEF_HEADERS = /^cuda\w*Typedefs\.h$/;

function headers(pattern: RegExp): readonly Header[] {
  return readWheels().flatMap((wheel) =>
    filesUnder(unpackedWheel(wheel))
      .filter((file) => pattern.test(basename(file)))
      .map((file) => ({ version: cudaVersion(wheel), text: readFileSync(file, 'utf8') })),
  );
}

function filesUnder(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

function write(file: string, head: string, rows: readonly (readonly (string | number)[])[]): void {
  const lines = rows.map((row) => row.join('\t')).sort();
  writeFileSync(new URL(file, import.meta.url), `# ${head}\n${lines.join('\n')}\n`);
  console.log(`${file}: ${lines.length} rows`);
}

const UNKNOWN: Span = { first: 0, last: 0 };
const names = cudaSpans(headers(CUDA_HEADERS));
write(
  'cuda.tsv',
  'symbol, name asked of cuGetProcAddress, CUDA version from which it is the answer, flags, first and last header',
  given(names, headers(TYPEDEF_HEADERS)).map(({ symbol, name, since, stream }) => {
    const { first, last } = names.get(symbol) ?? UNKNOWN;
    return [symbol, name, since, stream, first, last];
  }),
);
write(
  'nvml.tsv',
  'symbol, first and last header',
  [...nvmlSpans(headers(/^nvml\.h$/))].map(([symbol, { first, last }]) => [symbol, first, last]),
);
