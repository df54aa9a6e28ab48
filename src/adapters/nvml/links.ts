// SPDX-License-Identifier: Apache-2.0
// From what each device says of its links to what two devices are to one another. Pure. A pair of which the driver
// does not tell, or its two ends tell different things, is left out: nobody knows.
import { type LinkWord, MOST_NVLINKS } from '../../wire/links.js';
import type { Peers } from '../probes/contract.js';
import type { NvmlDeviceLinks } from './contract.js';

/** Levels of NVML's common ancestor. */
const ANCESTORS = new Map<number, LinkWord>([
  [0, 'PSB'],
  [10, 'PIX'],
  [20, 'PXB'],
  [30, 'PHB'],
  [40, 'NODE'],
  [50, 'SYS'],
]);

/** `rows` stand at their device's index; one without a uuid could not be read. */
export function peersOf(rows: readonly NvmlDeviceLinks[]): Peers {
  const peers = new Map<string, Map<string, LinkWord>>();
  const note = (from: string, to: string, word: LinkWord): void => {
    peers.set(from, (peers.get(from) ?? new Map<string, LinkWord>()).set(to, word));
  };
  for (const [a, one] of rows.entries())
    for (const [b, other] of rows.entries()) {
      if (a >= b || one.uuid === '' || other.uuid === '') continue;
      const word = nvlinkWord(one, other) ?? ancestorWord(one.ancestors[b], other.ancestors[a]);
      if (word === null) continue;
      note(one.uuid, other.uuid, word);
      note(other.uuid, one.uuid, word);
    }
  return peers;
}

/** Through switches a pair has as many as the end that has fewer. */
function nvlinkWord(one: NvmlDeviceLinks, other: NvmlDeviceLinks): LinkWord | null {
  const there = linksTo(one, other.pciBusId);
  const back = linksTo(other, one.pciBusId);
  const direct = there === back ? there : 0;
  const count = direct + Math.min(linksTo(one, null), linksTo(other, null));
  return count > 0 ? `NV${Math.min(count, MOST_NVLINKS)}` : null;
}

function linksTo({ nvlinks }: NvmlDeviceLinks, busId: string | null): number {
  if (busId === '') return 0;
  const wanted = busId?.toLowerCase() ?? null;
  const found = nvlinks.filter(({ to }) => (to?.toLowerCase() ?? null) === wanted);
  return found.reduce((sum, { count }) => sum + count, 0);
}

function ancestorWord(there: number | null | undefined, back: number | null | undefined): LinkWord | null {
  if (there !== back || typeof there !== 'number') return null;
  return ANCESTORS.get(there) ?? null;
}
