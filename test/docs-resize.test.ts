// SPDX-License-Identifier: Apache-2.0
// docs/resize.md is held to the table of refusals, both ways.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RESIZE_REFUSALS, type ResizeRefusal, resizeText } from '../src/core/resize-refusals.js';
import { mib, milliCores } from '../src/core/units.js';
import { decodeResize } from '../src/wire/resize.js';
import { ROOT } from './architecture/tree.js';

const ABOUT = { container: 'main', device: 'GPU-a' };
const bad = decodeResize('x', []);

/** One of each kind: the page shows the sentence that the code makes of it. */
const EXAMPLES: readonly ResizeRefusal[] = [
  { kind: 'BadRequest', sentence: bad.ok ? '' : bad.error },
  { kind: 'SwitchedOff' },
  { kind: 'NotPlaced', detail: '' },
  { kind: 'NoSlice', container: 'x', vendor: 'nvidia', names: ['main', 'side'] },
  { kind: 'DeviceUnknown', device: 'GPU-a' },
  { kind: 'DeviceClosed', device: 'GPU-a' },
  { kind: 'WholeDevice', ...ABOUT },
  { kind: 'BecomesWhole', ...ABOUT, have: mib(40_960) },
  { kind: 'FixedCut', ...ABOUT },
  { kind: 'HeldByUnreadablePlacement', pod: 'team/odd' },
  { kind: 'MemoryShort', ...ABOUT, want: mib(8192), fits: mib(6144) },
  { kind: 'CoresShort', ...ABOUT, want: milliCores(400), fits: milliCores(209) },
  {
    kind: 'QuotaShort',
    quota: 'team-a/gpus',
    resource: 'requests.nvidia.com/gpu-mem',
    hard: 16_384,
    want: 20_480,
  },
];

it('docs/resize.md has a row for each refusal of a resize, with its sentence, and no other', () => {
  const rows = readFileSync(join(ROOT, 'docs/resize.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, kind = '', text = '']) => [kind.replaceAll('`', ''), text]);
  expect(rows).toEqual(EXAMPLES.map((refusal) => [refusal.kind, resizeText(refusal)]));
  expect(EXAMPLES.map(({ kind }) => kind).toSorted()).toEqual(Object.keys(RESIZE_REFUSALS).toSorted());
});
