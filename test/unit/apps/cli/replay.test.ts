// SPDX-License-Identifier: Apache-2.0
// `kerf replay` from its files to its exit code.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../../../../src/apps/cli/io.js';
import { runCli } from '../../../../src/apps/cli/program.js';
import { Ledger } from '../../../../src/core/ledger.js';
import { DEFAULT_RULES as defaults } from '../../../../src/core/policies.js';
import { encodeSnapshot } from '../../../../src/wire/snapshot.js';
import { aDevice, aPlacement, aSighting, someFacts } from '../../../builders/core.js';

let folder = '';
const at = (name: string): string => join(folder, name);

const podOf = (memory: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: p, namespace: team, uid: u9 }
spec: { containers: [{ name: main, resources: { limits: { nvidia.com/gpu-mem: ${memory} } } }] }
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kerf-replay-'));
  const ledger = new Ledger();
  ledger.setNode(someFacts({ devices: [aDevice()] }));
  const placement = aPlacement({ main: [['GPU-0', 30_720]] });
  ledger.confirm(aSighting({ pod: 'team/other', claim: { kind: 'placed', placement } }));
  const letter = encodeSnapshot({ snapshot: ledger, defaults }, ledger.allHoldings());
  writeFileSync(at('snapshot.json'), JSON.stringify(letter));
  writeFileSync(at('old.json'), '{"v":1}');
  writeFileSync(at('small.yaml'), podOf('4096'));
  writeFileSync(at('large.yaml'), podOf('16Gi'));
  writeFileSync(at('none.yaml'), 'kind: Node');
  writeFileSync(at('odd.yaml'), 'kind: [');
});

afterAll(() => rmSync(folder, { recursive: true }));

async function kerf(...args: readonly string[]) {
  const seen = { out: '', err: '' };
  const write = (key: 'out' | 'err') => (text: string) => {
    seen[key] += `${text}\n`;
  };
  const stop = new AbortController().signal;
  const io: Io = { out: write('out'), err: write('err'), isTty: false, hasColour: false, env: {}, stop };
  return { code: await runCli(['replay', ...args], io), ...seen };
}

describe('kerf replay', () => {
  it('shows nodes, scores and devices where the pod fits', async () => {
    const { code, out } = await kerf(at('snapshot.json'), at('small.yaml'));
    expect(code).toBe(0);
    expect(out).toMatch(/NODE +SCORE +DEVICES\nn1 +10 +main: GPU-0\n/);
  });

  it('gives the placement in the letter’s units as JSON', async () => {
    const { out } = await kerf(at('snapshot.json'), at('small.yaml'), '--json');
    const slices = [{ device: 'GPU-0', memoryMiB: 4096, corePercent: 0 }];
    expect(JSON.parse(out)).toMatchObject({
      pod: 'team/p',
      offered: [{ node: 'n1', score: 10, placement: { containers: [{ name: 'main', slices }] } }],
    });
  });

  it('says why not and what would help, and exits 1', async () => {
    const { code, out, err } = await kerf(at('snapshot.json'), at('large.yaml'));
    expect(code).toBe(1);
    expect(out).toContain('memory short on the only device: 16384 MiB wanted');
    expect(out).toContain(
      'it would fit with memory ≤ 10 GiB a device (on n1)\n          or after team/other ends (on n1)',
    );
    expect(err).toContain('team/p: no node of the snapshot takes it');
  });

  it.each([
    ['absent.json', 'small.yaml', 'absent.json cannot be read'],
    ['old.json', 'small.yaml', 'old.json: the snapshot has version 1, not 2'],
    ['small.yaml', 'small.yaml', 'small.yaml: the snapshot is not a JSON object'],
    ['snapshot.json', 'none.yaml', 'none.yaml has 0 objects of kind Pod: want 1'],
    ['snapshot.json', 'odd.yaml', 'odd.yaml: '],
  ])('names the file that cannot be read: %s, %s', async (snapshot, ...[pod, sentence]) => {
    const { code, err } = await kerf(at(snapshot), at(pod));
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(sentence) });
  });

  it('helps with examples', async () => {
    expect((await kerf('--help')).out).toContain('kerf replay snapshot.json pod.yaml --json');
  });
});
