// SPDX-License-Identifier: Apache-2.0
// Memory of processes outside Kerf is not ours to give: a device is announced without it. In steps, up when it stood in
// two looks, down when it stood in three: a node on which nothing happens writes nothing.
import type { ProbedDevice } from '../src/adapters/probes/contract.js';
import type { Proc } from '../src/adapters/processes/proc.js';
import { foreignBytes, type GivenSlot } from '../src/core/given.js';
import { BYTES_PER_MIB, type MiB } from '../src/core/units.js';
import type { NodeDevice } from './node-device.js';

const STEP_MIB = 256;
const LOOKS_UP = 2;
const LOOKS_DOWN = 3;

/** Of one device: what is announced, and for how many looks something else was seen. */
export interface Announced {
  readonly mib: number;
  readonly looks: number;
}

const NOTHING: Announced = { mib: 0, looks: 0 };

/** What is announced after a look that saw `bytes`. */
export function damped({ mib, looks }: Announced, bytes: number): Announced {
  const seen = Math.ceil(bytes / BYTES_PER_MIB / STEP_MIB) * STEP_MIB;
  if (seen === mib) return { mib, looks: 0 };
  const needed = seen > mib ? LOOKS_UP : LOOKS_DOWN;
  return looks + 1 >= needed ? { mib: seen, looks: 0 } : { mib, looks: looks + 1 };
}

/** A driver whose probe tells them. */
type Told = ProbedDevice & {
  readonly processes?: readonly { readonly pid: number; readonly usedBytes: number }[];
};

export class ForeignMemory {
  private announced: ReadonlyMap<string, Announced> = new Map();

  constructor(
    private readonly proc: Pick<Proc, 'sight'>,
    private readonly given: () => readonly GivenSlot[],
  ) {}

  /** The devices without what others hold of them. */
  take(devices: readonly NodeDevice[], told: readonly Told[]): readonly NodeDevice[] {
    const held = told.flatMap(({ uuid, processes = [] }) =>
      processes
        .filter(({ usedBytes }) => usedBytes > 0)
        .map(({ pid, usedBytes }) => ({ deviceId: uuid, usedBytes, ...this.proc.sight(pid) }))
        // It has ended since.
        .filter(({ startTicks }) => startTicks > 0),
    );
    const foreign = foreignBytes(held, this.given());
    this.announced = new Map(
      devices.map(({ id }) => [id, damped(this.announced.get(id) ?? NOTHING, foreign.get(id) ?? 0)]),
    );
    return devices.map((device) => lessened(device, this.announced.get(device.id)?.mib ?? 0));
  }
}

/** Hardware that is cut gives its cuts, whoever sits beside them. */
function lessened(device: NodeDevice, mib: number): NodeDevice {
  if (mib === 0 || device.mode !== undefined) return device;
  const { memory, cores, splits } = device;
  return { ...device, memory: Math.max(0, memory - mib) as MiB, physical: { memory, cores, splits } };
}
