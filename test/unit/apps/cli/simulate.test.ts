// SPDX-License-Identifier: Apache-2.0
// The command on small files of its own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allocationPlot } from '../../../../src/apps/cli/allocation-plot.js';
import type { Io } from '../../../../src/apps/cli/io.js';
import { runCli } from '../../../../src/apps/cli/program.js';

const NODES = 'sn,cpu_milli,memory_mib,gpu,model\nn0,96000,393216,8,G2\nn1,16000,122880,2,P100\n';
const PODS = [
  'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec',
  'p0,4000,8192,1,500,',
  'p1,64000,8192,8,1000,G2',
  'p2,4000,8192,1,1000,P100',
  'p3,2000,8192,0,0,',
  '',
].join('\n');
const ORDER = '{"order":[1,0,2,2,3,1],"nodeRank":[1,0],"workload":"small","seed":7}';

let folder = '';
const at = (file: string): string => join(folder, file);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kerf-simulate-'));
  writeFileSync(at('nodes.csv'), NODES);
  writeFileSync(at('openb_pod_list_tiny.csv'), PODS);
  writeFileSync(at('order.json'), ORDER);
  writeFileSync(at('cut.csv'), PODS.slice(0, -5));
});

afterAll(() => rmSync(folder, { recursive: true }));

async function simulate(...args: readonly string[]) {
  const seen = { out: '', err: '' };
  const write = (key: 'out' | 'err') => (text: string) => {
    seen[key] += `${text}\n`;
  };
  const stop = new AbortController().signal;
  const io: Io = { out: write('out'), err: write('err'), isTty: false, hasColour: false, env: {}, stop };
  const files = ['--nodes', at('nodes.csv'), '--pods', at('openb_pod_list_tiny.csv')];
  return { code: await runCli(['simulate', ...files, ...args], io), ...seen };
}

const lines = (out: string): readonly Record<string, unknown>[] =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('kerf simulate', () => {
  it('says with --json one object per run, and tries each pod once', async () => {
    const { code, out, err } = await simulate('--order', at('order.json'), '--json');
    expect([code, err]).toEqual([0, '']);
    expect(lines(out)).toEqual([
      {
        policy: 'fragmentation',
        workload: 'small',
        seed: 7,
        allocation: 0.95,
        fragmentation: expect.any(Number),
        failed: { cpu: 0, share: 0, gpu1: 1, gpu2: 0, gpu4: 0, gpu8: 1 },
        arrivals: 6,
        seconds: expect.any(Number),
      },
    ]);
  });

  it('takes pods as they stand without an order, and the workload’s name from the file', async () => {
    const { out } = await simulate('--policy', 'fgd,best-fit', '--policy', 'fragmentation', '--json');
    const runs = lines(out);
    expect(runs.map(({ policy }) => policy)).toEqual(['fgd', 'best-fit', 'fragmentation']);
    expect(runs[0]).toMatchObject({ workload: 'tiny', seed: 0, arrivals: 4 });
  });

  it('shows a table to people', async () => {
    const { out } = await simulate('--order', at('order.json'), '--policy', 'fgd');
    expect(out).toMatch(/^POLICY +WORKLOAD +SEED +ALLOCATED/);
    expect(out).toMatch(/fgd +small +7 +95\.00 %/);
  });

  it('lets pods leave with --churn, the same for the same seed', async () => {
    const once = async (seed: string): Promise<unknown> => {
      const { out } = await simulate('--churn', '0.5,1,20', '--seed', seed, '--json');
      return { ...lines(out)[0], seconds: 0 };
    };
    expect(await once('1')).toMatchObject({ seed: 1, churn: { load: 0.5, from: 1, to: 20 } });
    expect(await once('1')).toEqual(await once('1'));
    expect(await once('1')).not.toEqual({ ...((await once('2')) as object), seed: 1 });
  });

  it('draws every run with --plot', async () => {
    await simulate('--policy', 'fgd,fragmentation', '--plot', at('out.svg'));
    const svg = readFileSync(at('out.svg'), 'utf8');
    expect(svg.match(/<polyline/g)).toHaveLength(4);
    expect(svg).toContain('>fgd<');
    expect(svg).not.toContain('NaN');
  });

  it.each([
    [['--policy', 'best'], '--policy is best: want one of fragmentation, fgd, best-fit'],
    [['--pods', 'no-such-file'], 'cannot read no-such-file'],
    [['--churn', '0,1,2'], '--churn is 0,1,2: want load,from,to'],
    [['--churn', '1.2,9,4'], '--churn is 1.2,9,4'],
    [['--churn', 'much'], '--churn is much'],
    [['--seed', '1'], '--seed is given without --churn'],
    [['--churn', '--seed', 'x'], '--seed is x: want a whole number'],
    [['--plot', '/no/such/folder/x.svg'], 'cannot write --plot /no/such/folder/x.svg'],
  ])('%j is wrong usage', async (args, sentence) => {
    const { code, err } = await simulate(...args);
    expect([code, err]).toEqual([2, expect.stringContaining(sentence)]);
  });

  it('reads Node and Pod objects as YAML', async () => {
    const node = '{kind: Node, metadata: {name: n0}, status: {capacity: {cpu: 8, memory: 64Gi}}}';
    const pod =
      '{kind: Pod, metadata: {name: p0}, spec: {containers: [{name: main, resources: {requests: {cpu: 3}}}]}}';
    writeFileSync(at('nodes.yaml'), `kind: List\nitems: [${node}]\n`);
    writeFileSync(at('pods.yaml'), `${pod}\n---\n${pod}\n---\n${pod}\n`);
    const { out } = await simulate('--nodes', at('nodes.yaml'), '--pods', at('pods.yaml'), '--json');
    expect(lines(out)).toMatchObject([{ workload: 'pods', arrivals: 3, failed: { cpu: 1 } }]);
  });

  it.each([
    ['kind: Node\nmetadata: [', /bad\.yaml: .* at line 2, column \d+$/m],
    ['kind: Pod\n', /bad\.yaml holds no Node: want at least one/],
  ])('%j as YAML is wrong usage', async (text, sentence) => {
    writeFileSync(at('bad.yaml'), text);
    const { code, err } = await simulate('--nodes', at('bad.yaml'));
    expect([code, err]).toEqual([2, expect.stringMatching(sentence)]);
  });

  it('names file and line of a list that is cut short', async () => {
    const { code, err } = await simulate('--pods', at('cut.csv'));
    expect(code).toBe(2);
    expect(err).toMatch(/cut\.csv: line 5 does not end with a newline: is the file cut short/);
  });
});

describe('a plot', () => {
  it('tells lines by name and escapes what it is given', () => {
    const points = [
      { at: 0, allocation: 0 },
      { at: 1.3, allocation: 0.96 },
    ];
    const svg = allocationPlot([{ name: '<a&b>', points }], 'load, %');
    expect(svg).toContain('&lt;a&amp;b&gt;');
    expect(svg).toContain('>130<');
  });
});
