// SPDX-License-Identifier: Apache-2.0
// From ROCm SMI's single answers to devices. A device whose answers fail is still listed, with the name of what failed.
import type { ProbedDevice } from '../contract.js';
import { type NumberCall, type RocmSmi, RsmiError } from './library.js';

/** The two ends of a link, by index; only links that are nearer than PCIe are told. */
export type DirectLink = readonly [from: number, to: number];

export interface AmdReading {
  readonly devices: readonly ProbedDevice[];
  readonly links: readonly DirectLink[];
}

const VRAM = 0;
const XGMI = 2;
const NO_ANSWER = new Set(['RSMI_STATUS_NOT_SUPPORTED', 'RSMI_STATUS_NOT_YET_IMPLEMENTED']);

/** Bits of rsmi_gpu_block_t, first to last. */
const BLOCKS = [
  ...['UMC', 'SDMA', 'GFX', 'MMHUB', 'ATHUB', 'PCIE_BIF', 'HDP', 'XGMI_WAFL', 'DF', 'SMN', 'SEM', 'MP0'],
  ...['MP1', 'FUSE'],
] as const;

export async function readDevices(smi: RocmSmi): Promise<readonly ProbedDevice[]> {
  const count = Number(await smi.number('rsmi_num_monitor_devices'));
  const devices: ProbedDevice[] = [];
  for (let index = 0; index < count; index++) devices.push(await readDevice(smi, index));
  return devices;
}

async function readDevice(smi: RocmSmi, index: number): Promise<ProbedDevice> {
  const asked = new Asked(smi, index);
  const [id, bdf] = [await asked.number('rsmi_dev_unique_id_get'), await asked.number('rsmi_dev_pci_id_get')];
  const minor = await asked.number('rsmi_dev_drm_render_minor_get');
  const total = await asked.number('rsmi_dev_memory_total_get', VRAM);
  const used = await asked.number('rsmi_dev_memory_usage_get', VRAM);
  const numa = await asked.perhaps('rsmi_topo_numa_affinity_get');
  const busy = await asked.perhaps('rsmi_dev_busy_percent_get');
  const name = await asked.name();
  await asked.ras();
  return {
    index,
    uuid: id === null ? '' : uuidOf(id, partitionOf(bdf ?? 0n)),
    minor: Number(minor ?? -1n),
    name: modelOf(name),
    pciBusId: bdf === null ? '' : busIdOf(bdf),
    memoryTotalBytes: Number(total ?? 0n),
    memoryUsedBytes: Number(used ?? 0n),
    numaNode: numa === null || numa < 0n ? null : Number(numa),
    utilizationPercent: busy === null ? null : Number(busy),
    error: asked.error,
  };
}

/** Questions about one device; the first that fails is remembered. */
class Asked {
  error: string | null = null;

  constructor(
    private readonly smi: RocmSmi,
    private readonly index: number,
  ) {}

  number(call: NumberCall, ...more: readonly number[]): Promise<bigint | null> {
    return this.answerOf(() => this.smi.number(call, this.index, ...more), false);
  }

  /** Not every platform answers this one. */
  perhaps(call: NumberCall): Promise<bigint | null> {
    return this.answerOf(() => this.smi.number(call, this.index), true);
  }

  async name(): Promise<string> {
    return (await this.answerOf(() => this.smi.text('rsmi_dev_name_get', this.index), false)) ?? '';
  }

  /** Uncorrectable errors since the driver was loaded: what ran there may have computed wrong, and memory may be bad. */
  async ras(): Promise<void> {
    const enabled = (await this.perhaps('rsmi_dev_ecc_enabled_get')) ?? 0n;
    for (const [at, block] of BLOCKS.entries()) {
      const bit = 1n << BigInt(at);
      if ((enabled & bit) === 0n) continue;
      const count = await this.answerOf(() => this.smi.uncorrectable(this.index, bit), true);
      if (count !== null && count > 0n) this.error ??= `RAS_UNCORRECTABLE_${block}`;
    }
  }

  private async answerOf<T>(ask: () => Promise<T>, isOptional: boolean): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof RsmiError)) throw error;
      if (!(isOptional && NO_ANSWER.has(error.code))) this.error ??= error.code;
      return null;
    }
  }
}

/** As ROCr and HIP name it; partitions of one device share the id of its chip. */
function uuidOf(id: bigint, partition: number): string {
  const chip = `GPU-${id.toString(16).padStart(16, '0')}`;
  return partition === 0 ? chip : `${chip}-${partition}`;
}

const partitionOf = (bdf: bigint): number => Number((bdf >> 28n) & 0xfn);

function busIdOf(bdf: bigint): string {
  const hex = (value: bigint, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${hex(bdf >> 32n, 4)}:${hex((bdf >> 8n) & 0xffn, 2)}:${hex((bdf >> 3n) & 0x1fn, 2)}.${bdf & 7n}`;
}

/** Boards of one chip are called by several names ("… MI300X OAM", "Aqua Vanjaram [Instinct MI300X]"); the row has one. */
function modelOf(name: string): string {
  const chip = /\bMI\d{2,3}[A-Z]?\b/.exec(name)?.[0];
  return chip === undefined ? name : `AMD Instinct ${chip}`;
}

/** Pairs of the devices that talk to one another without PCIe; a pair of which nothing is told is left out. */
export async function readLinks(smi: RocmSmi): Promise<readonly DirectLink[]> {
  const count = Number(await smi.number('rsmi_num_monitor_devices'));
  const links: DirectLink[] = [];
  for (let from = 0; from < count; from++)
    for (let to = from + 1; to < count; to++)
      if ((await typeOf(smi, from, to)) === XGMI && (await typeOf(smi, to, from)) === XGMI)
        links.push([from, to]);
  return links;
}

async function typeOf(smi: RocmSmi, from: number, to: number): Promise<number | null> {
  try {
    return await smi.linkType(from, to);
  } catch (error) {
    if (error instanceof RsmiError) return null;
    throw error;
  }
}
