// SPDX-License-Identifier: Apache-2.0
// librocm_smi64 through koffi: each call on a worker thread, so that this process still hears its parent while the
// driver hangs. Signatures are those of rocm_smi.h, unchanged since ROCm 3.
import koffi from 'koffi';

/** A call that was not answered well; `code` is the library's own name of it. */
export class RsmiError extends Error {
  constructor(
    readonly code: string,
    call: string,
  ) {
    super(`${call} answered ${code}`);
  }
}

export const LIBRARY_NOT_FOUND = 'RSMI_LIBRARY_NOT_FOUND';

const STATUS = new Map([
  [1, 'RSMI_STATUS_INVALID_ARGS'],
  [2, 'RSMI_STATUS_NOT_SUPPORTED'],
  [3, 'RSMI_STATUS_FILE_ERROR'],
  [4, 'RSMI_STATUS_PERMISSION'],
  [5, 'RSMI_STATUS_OUT_OF_RESOURCES'],
  [6, 'RSMI_STATUS_INTERNAL_EXCEPTION'],
  [7, 'RSMI_STATUS_INPUT_OUT_OF_BOUNDS'],
  [8, 'RSMI_STATUS_INIT_ERROR'],
  [9, 'RSMI_STATUS_NOT_YET_IMPLEMENTED'],
  [10, 'RSMI_STATUS_NOT_FOUND'],
  [11, 'RSMI_STATUS_INSUFFICIENT_SIZE'],
  [12, 'RSMI_STATUS_INTERRUPT'],
  [13, 'RSMI_STATUS_UNEXPECTED_SIZE'],
  [14, 'RSMI_STATUS_NO_DATA'],
  [15, 'RSMI_STATUS_UNEXPECTED_DATA'],
  [16, 'RSMI_STATUS_BUSY'],
  [17, 'RSMI_STATUS_REFCOUNT_OVERFLOW'],
]);

/** Call → its parameters in C, the out-parameter last. */
const OUT_CALLS = {
  rsmi_num_monitor_devices: '_Out_ uint32_t *',
  rsmi_dev_unique_id_get: 'uint32_t, _Out_ uint64_t *',
  rsmi_dev_drm_render_minor_get: 'uint32_t, _Out_ uint32_t *',
  rsmi_dev_pci_id_get: 'uint32_t, _Out_ uint64_t *',
  rsmi_topo_numa_affinity_get: 'uint32_t, _Out_ int32_t *',
  rsmi_dev_memory_total_get: 'uint32_t, int, _Out_ uint64_t *',
  rsmi_dev_memory_usage_get: 'uint32_t, int, _Out_ uint64_t *',
  rsmi_dev_busy_percent_get: 'uint32_t, _Out_ uint32_t *',
  rsmi_dev_ecc_enabled_get: 'uint32_t, _Out_ uint64_t *',
  // Of the counts the second: uncorrectable errors.
  rsmi_dev_ecc_count_get: 'uint32_t, uint64_t, _Out_ uint64_t *',
  // Of its two answers the link's type, not the hops.
  rsmi_topo_get_link_type: 'uint32_t, uint32_t, _Out_ uint64_t *, _Out_ int *',
} as const;

const TEXT_CALLS = {
  rsmi_dev_name_get: 'uint32_t, uint8_t *, size_t',
  rsmi_version_str_get: 'int, uint8_t *, uint32_t',
} as const;

export type NumberCall = Exclude<
  keyof typeof OUT_CALLS,
  'rsmi_topo_get_link_type' | 'rsmi_dev_ecc_count_get'
>;

/** The library's calls; each rejects with an RsmiError. 64 bits come as bigint, whatever their size. */
export interface RocmSmi {
  init(): Promise<void>;
  shutDown(): Promise<void>;
  number(call: NumberCall, ...args: readonly number[]): Promise<bigint>;
  text(call: keyof typeof TEXT_CALLS, arg: number): Promise<string>;
  uncorrectable(device: number, block: bigint): Promise<bigint>;
  linkType(from: number, to: number): Promise<number>;
}

type Native = ReturnType<ReturnType<typeof koffi.load>['func']>;
type Out = (number | bigint | null)[];

const TEXT_BYTES = 256;

/** The first of the names that opens. */
export function openRocmSmi(names: readonly string[]): RocmSmi {
  return new KoffiRocmSmi(loadFirst(names));
}

function loadFirst(names: readonly string[]): ReturnType<typeof koffi.load> {
  const reasons: string[] = [];
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  const fault = new RsmiError(LIBRARY_NOT_FOUND, 'dlopen');
  fault.message = reasons[0] ?? 'no name of a library was given';
  throw fault;
}

class KoffiRocmSmi implements RocmSmi {
  private readonly calls = new Map<string, Native>();

  constructor(library: ReturnType<typeof koffi.load>) {
    const declare = (name: string, parameters: string): void => {
      this.calls.set(name, library.func(`int ${name}(${parameters})`));
    };
    declare('rsmi_init', 'uint64_t');
    declare('rsmi_shut_down', 'void');
    for (const [name, parameters] of Object.entries({ ...OUT_CALLS, ...TEXT_CALLS }))
      declare(name, parameters);
  }

  init(): Promise<void> {
    return this.call('rsmi_init', [0]);
  }

  shutDown(): Promise<void> {
    return this.call('rsmi_shut_down', []);
  }

  async number(call: NumberCall, ...args: readonly number[]): Promise<bigint> {
    const out: Out = [null];
    await this.call(call, [...args, out]);
    return BigInt(out[0] ?? 0);
  }

  async text(call: keyof typeof TEXT_CALLS, arg: number): Promise<string> {
    const bytes = Buffer.alloc(TEXT_BYTES);
    await this.call(call, [arg, bytes, TEXT_BYTES]);
    return bytes.toString('utf8', 0, bytes.indexOf(0)).trim();
  }

  async uncorrectable(device: number, block: bigint): Promise<bigint> {
    const counts: Out = [0, 0];
    await this.call('rsmi_dev_ecc_count_get', [device, block, counts]);
    return BigInt(counts[1] ?? 0);
  }

  async linkType(from: number, to: number): Promise<number> {
    const [hops, type]: [Out, Out] = [[null], [null]];
    await this.call('rsmi_topo_get_link_type', [from, to, hops, type]);
    return Number(type[0] ?? 0);
  }

  private call(name: string, args: readonly unknown[]): Promise<void> {
    const native = this.calls.get(name) as Native;
    return new Promise((resolve, reject) => {
      native.async(...args, (error: Error | null, status: number) => {
        if (error) reject(error);
        else if (status === 0) resolve();
        else reject(new RsmiError(STATUS.get(status) ?? 'RSMI_STATUS_UNKNOWN_ERROR', name));
      });
    });
  }
}
