// SPDX-License-Identifier: Apache-2.0
// What the library costs: the C bench programs print JSON; they run on the fake driver, with and without libkerf.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from '../report.js';
import { ROOT } from '../../test/cluster/kerf/artefacts.js';

const SCRIPT = join(ROOT, 'native', 'bench', 'run.sh');

interface NativeFigures {
  readonly alloc_ns: Readonly<Record<'bare_1' | 'kerf_1' | 'bare_100000' | 'kerf_100000', number>>;
  readonly start_ms: Readonly<Record<'bare' | 'kerf', number>>;
}

export function nativeRows(): readonly Row[] {
  if (!existsSync(SCRIPT)) throw new Error('native/bench/run.sh is missing: npm run build:native first');
  const figures = JSON.parse(execFileSync(SCRIPT, { encoding: 'utf8' })) as NativeFigures;
  const { alloc_ns: alloc, start_ms: start } = figures;
  const added = (live: '1' | '100000'): number => alloc[`kerf_${live}`] - alloc[`bare_${live}`];
  return [
    row('cuMemAlloc+cuMemFree added, 1 live', added('1'), { unit: 'ns', most: 200 }),
    row('cuMemAlloc+cuMemFree added, 100 000 live', added('100000'), { unit: 'ns', most: 200 }),
    row('start of a process: added by the preload', start.kerf - start.bare, { unit: 'ms', most: 5 }),
  ];
}

function row(metric: string, value: number, at: { readonly unit: string; readonly most: number }): Row {
  return { bench: 'walk', metric, value, unit: at.unit, bar: `≤ ${at.most}`, holds: value <= at.most };
}
