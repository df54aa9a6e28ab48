// SPDX-License-Identifier: Apache-2.0
// `kerf usage` against monitors that are HTTP servers with a book.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runCli } from '../../../../src/apps/cli/program.js';
import type { UsageBucket } from '../../../../src/core/usage-ledger.js';
import { mib } from '../../../../src/core/units.js';
import { encodeBuckets } from '../../../../src/wire/usage-book.js';
import { folders } from '../../../fakes/folder.js';

const aFolder = folders();
const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

const slice = (namespace: string, pod: string, grantedGpuSeconds: number) => ({
  ...{
    namespace,
    pod,
    uid: `uid-${pod}`,
    container: 'main',
    workload: pod === 'bare' ? '' : 'Deployment/web',
  },
  ...{ deviceId: 'GPU-1', grantedGpuSeconds, usedGpuSeconds: grantedGpuSeconds / 2 },
  ...{ grantedGiBSeconds: 8 * grantedGpuSeconds, usedGiBSeconds: 4 * grantedGpuSeconds },
});

const BUCKET: UsageBucket = {
  fromMs: Date.UTC(2026, 10, 21, 8),
  slices: [slice('a', 'web-1', 1800), slice('a', 'web-2', 900), slice('b', 'bare', 360)],
  devices: [
    {
      ...{ deviceId: 'GPU-1', model: 'NVIDIA A100', memoryMiB: mib(40_960), physicalSeconds: 3600 },
      ...{ usedSeconds: 1530, unattributedSeconds: 270, idleSeconds: 1800 },
    },
  ],
};

async function aMonitor(body = encodeBuckets('n1', [BUCKET])): Promise<{ flag: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => server.close());
  return { flag: `--monitor=n1=http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function usage(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const io = {
    ...{ isTty: false, hasColour: false, env: {}, stop: new AbortController().signal },
    ...{ out: (text: string) => void out.push(text), err: (text: string) => void err.push(text) },
  };
  const code = await runCli(['usage', ...args], io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const PRICES = 'version: 1\nprices:\n  currency: EUR\n  models: [{ model: "NVIDIA A*", perGpuHour: 2 }]\n';

function pricesFile(text = PRICES): string {
  const file = join(aFolder(), 'policy.yaml');
  writeFileSync(file, text);
  return file;
}

describe('kerf usage', () => {
  it('adds up by namespace, and says where the rest of the time went', async () => {
    const { out, code } = await usage((await aMonitor()).flag);
    expect(code).toBe(0);
    expect(out.split('\n').slice(1)).toEqual([
      'NAMESPACE  GRANTED GPU-H  USED GPU-H  USED  GRANTED GIB-H  USED GIB-H',
      'a                  0.750       0.375  50 %          6.000       3.000',
      'b                  0.100       0.050  50 %          0.800       0.400',
      '',
      '1.000 GPU-h of 1 devices: 0.425 used by slices, 0.075 unattributed, 0.500 idle',
    ]);
  });

  it.each([
    ['workload', ['a/Deployment/web', 'b/Pod/bare']],
    ['pod', ['a/web-1', 'a/web-2', 'b/bare']],
    ['model', ['NVIDIA A100']],
    ['node', ['n1']],
  ])('adds up by %s', async (by, keys) => {
    const { out } = await usage('--by', by, '--json', (await aMonitor()).flag);
    expect((JSON.parse(out) as { rows: { key: string }[] }).rows.map(({ key }) => key)).toEqual(keys);
  });

  it('turns granted time into cost by the model’s price', async () => {
    const { out } = await usage('--json', '--policy', pricesFile(), (await aMonitor()).flag);
    expect(JSON.parse(out)).toMatchObject({ currency: 'EUR', rows: [{ cost: 1.5 }, { cost: 0.2 }] });
  });

  it('has no cost where a model has no price', async () => {
    const policy = pricesFile(PRICES.replace('NVIDIA A*', 'AMD*'));
    const { out } = await usage('--json', '--policy', policy, (await aMonitor()).flag);
    expect(JSON.parse(out)).toMatchObject({ rows: [{ cost: null }, { cost: null }] });
  });

  it('writes CSV, in which no name is a formula', async () => {
    const evil = { ...BUCKET, slices: [slice('=cmd()', 'a,"b"', 3600)] };
    const { out } = await usage('--csv', '--by', 'pod', (await aMonitor(encodeBuckets('n1', [evil]))).flag);
    expect(out.split('\n')).toEqual([
      'pod,grantedGpuSeconds,usedGpuSeconds,grantedGiBSeconds,usedGiBSeconds,cost',
      `"'=cmd()/a,""b""",3600,1800,28800,14400,`,
      '(unattributed),,270,,,',
      '(idle),,1800,,,',
    ]);
  });

  it('asks for the stretch that was said', async () => {
    const { flag, asked } = await aMonitor();
    await usage('--since', '2026-11-21T08:00:00Z', '--until', '2026-11-21T09:00:00Z', flag);
    const from = Date.UTC(2026, 10, 21, 8);
    expect(asked).toEqual([`/v1/ledger?since=${from}&until=${from + 3_600_000}`]);
  });

  it.each([
    [
      ['--since', 'yesterday'],
      '--since is yesterday: want a time such as 90m, 24h or 7d, or 2026-11-21T08:00:00Z',
    ],
    [['--since', '1h', '--until', '2h'], '--since lies not before --until: nothing is between them'],
    [
      ['--by', 'moon'],
      "argument 'moon' is invalid. Allowed choices are namespace, workload, pod, node, device, model.",
    ],
    [['--policy', '/none'], '--policy is /none: it cannot be read'],
  ])('says what is wrong with %j', async (args, sentence) => {
    const { code, err } = await usage(...args, (await aMonitor()).flag);
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });

  it('names a monitor whose book cannot be read, and ends with 3 where no other answers', async () => {
    const { code, err } = await usage((await aMonitor('{}')).flag);
    expect(code).toBe(3);
    expect(err).toContain(
      'no monitor answered: n1: the usage book is no object with a node and a list of buckets',
    );
  });
});
