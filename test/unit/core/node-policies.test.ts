// SPDX-License-Identifier: Apache-2.0
// Which of two nodes does a node policy like better?
import { describe, expect, it } from 'vitest';
import type { NodeView } from '../../../src/core/node.js';
import { DEFAULT_RULES, nodePolicy } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { NodePolicy, SliceRequest } from '../../../src/core/request.js';
import { likeNode } from '../../../src/core/score.js';
import { bestMean, type LinkMatrix, meanLinks, numaLinks } from '../../../src/core/topology.js';
import { aDevice, type aHold, aNode, aRequest, aWish, WHOLE } from '../../builders/core.js';

type Holds = Record<string, NonNullable<Parameters<typeof aHold>[0]>>;

const matrix = (weightOf: (a: number, b: number) => number, size = 4): LinkMatrix => ({
  size,
  weight: Array.from({ length: size * size }, (_, at) => {
    const [a, b] = [Math.floor(at / size), at % size];
    return a === b ? 0 : weightOf(Math.min(a, b), Math.max(a, b));
  }),
});

const SWITCHED = matrix(() => 400);
const PAIRS = matrix((a, b) => (a >> 1 === b >> 1 ? 400 : 10));
const PLAIN = matrix(() => 10);

function four(links: LinkMatrix, holds: Holds = {}): NodeView {
  const devices = [0, 1, 2, 3].map((index) => aDevice({ id: `GPU-${index}`, index }));
  return aNode({ devices, links: new Map([['nvidia', links]]) }, holds);
}

const one = { memory: 8192, slices: 1 };
const two = { memory: 16_384, slices: 2 };

const like = (policy: NodePolicy, node: NodeView, wish: SliceRequest = aWish()): number =>
  likeNode(preparePod(aRequest(wish, { nodePolicy: policy }), DEFAULT_RULES), node);

const topology = nodePolicy('topology');
const pair = { ...WHOLE, count: 2 };

describe('topology likes better', () => {
  const rows: [string, SliceRequest, NodeView, NodeView][] = [
    ['for several, the node of better links', pair, four(SWITCHED), four(PLAIN)],
    [
      'for several, the node whose best set is free',
      pair,
      four(PAIRS, { 'GPU-0': one }),
      four(PAIRS, { 'GPU-0': one, 'GPU-2': one }),
    ],
    ['for one, the node of poor links', aWish(), four(PLAIN), four(PAIRS)],
    [
      'for one, the node where no set is broken',
      aWish(),
      four(PAIRS, { 'GPU-0': one }),
      four(PAIRS, { 'GPU-2': one }),
    ],
  ];
  it.each(rows)('%s', (_title, ...[wish, better, worse]) => {
    expect(like(topology, better, wish)).toBeGreaterThan(like(topology, worse, wish));
  });
});

describe('a weighted sum of node policies', () => {
  const sum = (fill: number, links: number): NodePolicy => [
    [
      { name: 'binpack', weight: fill },
      { name: 'topology', weight: links },
    ],
  ];
  const full = four(PLAIN, { 'GPU-0': two, 'GPU-1': two });
  const linked = four(SWITCHED);

  it('is the mean by weight', () => {
    const [fill, links] = [like(nodePolicy('binpack'), full, pair), like(topology, full, pair)];
    expect(like(sum(3, 1), full, pair)).toBeCloseTo((3 * fill + links) / 4, 9);
  });

  it('turns with the weights', () => {
    expect(like(sum(100, 1), full, pair)).toBeGreaterThan(like(sum(100, 1), linked, pair));
    expect(like(sum(1, 100), full, pair)).toBeLessThan(like(sum(1, 100), linked, pair));
  });
});

describe('a list of node policies', () => {
  const listed: NodePolicy = [...topology, ...nodePolicy('binpack')];

  it('goes by the first', () => {
    expect(like(listed, four(SWITCHED), pair)).toBeGreaterThan(
      like(listed, four(PLAIN, { 'GPU-0': two }), pair),
    );
  });

  it('goes by the second where the first tells nothing apart', () => {
    const fuller = four(SWITCHED, { 'GPU-0': two });
    expect(like(listed, fuller, pair)).toBeGreaterThan(like(listed, four(SWITCHED), pair));
  });

  it('stays between 0 and 10', () => {
    for (const node of [four(SWITCHED), four(PLAIN, { 'GPU-0': two })]) {
      expect(like(listed, node, pair)).toBeGreaterThan(0);
      expect(like(listed, node, pair)).toBeLessThan(10);
    }
  });
});

describe('links', () => {
  it('of devices that tell only their NUMA nodes are near within one', () => {
    const devices = [0, 0, 1, null].map((numa, index) => aDevice({ id: `GPU-${index}`, index, numa }));
    expect(numaLinks(devices).weight).toEqual([0, 20, 10, 10, 20, 0, 10, 10, 10, 10, 0, 10, 10, 10, 10, 0]);
  });

  it('of devices that lie alike are one matrix', () => {
    const devices = (name: string) =>
      [0, 1].map((index) => aDevice({ id: `${name}-${index}`, index, numa: 0 }));
    expect(numaLinks(devices('a'))).toBe(numaLinks(devices('b')));
  });

  it('of one device that tells nothing are not those of none', () => {
    expect(numaLinks([]).size).toBe(0);
    expect(numaLinks([aDevice({ numa: null })])).toEqual({ size: 1, weight: [0] });
  });

  it('of a matrix of another size than there are devices count as not told', () => {
    const node = four(matrix(() => 400, 3));
    expect(node.vendors.get('nvidia')).toMatchObject({ links: null, pairs: { size: 4 } });
  });

  it('have a mean for each device and for the best set among those free, also when asked again', () => {
    expect([...meanLinks(PAIRS)]).toEqual([140, 140, 140, 140]);
    for (let time = 0; time < 2; time++) {
      expect(bestMean(PAIRS, Uint8Array.of(1, 1, 1, 1), 2)).toBe(400);
      expect(bestMean(PAIRS, Uint8Array.of(1, 0, 1, 0), 2)).toBe(10);
      expect(bestMean(PAIRS, Uint8Array.of(1, 1, 1, 1), 4)).toBe((2 * 400 + 4 * 10) / 6);
    }
  });
});
