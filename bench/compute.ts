// SPDX-License-Identifier: Apache-2.0
// The compute limit on the real clock: what share of a fake GPU loops of launches get, against what they were granted.
// The same loads run without a limit in the same run, for the machine's own noise is in both.
import { buildNative } from '../test/native/build.js';
import { type Got, type Load, limitedSlice, loadsOf, runTenants } from '../test/native/compute-stage.js';
import { Machine } from '../test/native/slice.js';
import { KERF, type Limiter } from './compute/limiters.js';
import { loadRows, type Measured, tenantRow } from './compute/rows.js';
import { KNOBS, readSettings, type Settings } from './compute/settings.js';
import type { Row } from './report.js';

export const about = `share of GPU time under a compute limit, on the real clock (about 13 minutes; ${KNOBS})`;

const LIMITERS: readonly Limiter[] = [KERF];
const SHARES = [
  [100, 900],
  [300, 700],
  [500, 500],
  [100, 300, 600],
] as const;

const say = (step: string): void => console.error(`compute: ${step}`);

export async function run(): Promise<readonly Row[]> {
  const settings = readSettings(process.env);
  buildNative();
  const rows: Row[] = [];
  for (const limiter of LIMITERS)
    for (const measured of await measure(limiter, settings)) rows.push(...loadRows(measured));
  return [...rows, ...(await tenantRows(settings))];
}

async function measure(limiter: Limiter, settings: Settings): Promise<readonly Measured[]> {
  const loads = loadsOf(settings.kernelsUs, settings.procs).map((load) => inSeconds(load, settings.seconds));
  say(`${limiter.name}: ${loads.length} loads without a limit`);
  const native = await limiter.run(0, loads);
  const limited: { permille: number; got: readonly Got[] }[] = [];
  for (const permille of settings.limits) {
    say(`${limiter.name}: under ${permille} ‰`);
    limited.push({ permille, got: await limiter.run(permille, loads) });
  }
  return loads.map((load, at) => ({
    limiter: limiter.name,
    load,
    native: oneOf(native, at),
    byLimit: limited.map(({ permille, got }) => ({ permille, got: oneOf(got, at) })),
  }));
}

const inSeconds = (load: Load, seconds: number): Load => ({ ...load, seconds: seconds + 0.2, afterMs: 0 });

function oneOf<T>(values: readonly T[], at: number): T {
  const value = values[at];
  if (value === undefined) throw new Error('bug: a load has no result');
  return value;
}

async function tenantRows({ seconds }: Settings): Promise<readonly Row[]> {
  const load: Load = { pattern: 'async', kernelUs: 500, procs: 1, seconds: seconds + 0.2 };
  const rows: Row[] = [];
  for (const parts of SHARES) {
    say(`containers of ${parts.join(':')}`);
    const machine = new Machine('A100-40G');
    const tenants = parts.map((permille) => ({ slice: limitedSlice(machine, permille), load }));
    const got = await runTenants(machine, tenants, { clock: 'real' }).finally(() => machine.end());
    rows.push(tenantRow(`kerf: 500 µs async in containers of ${parts.join(':')}`, parts, got));
  }
  return rows;
}
