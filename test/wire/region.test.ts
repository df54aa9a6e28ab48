// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRegion,
  emptyRegion,
  NO_COMPUTE,
  REGION,
  REGION_AT,
  REGION_DEVICE_AT,
  REGION_SLOT_AT,
} from '../../src/wire/region.js';

type Write = readonly [offset: number, bits: 32 | 64, value: number | bigint];

function aRegion(...writes: Write[]): Uint8Array {
  const bytes = emptyRegion();
  const view = new DataView(bytes.buffer);
  for (const [offset, bits, value] of writes)
    if (bits === 32) view.setUint32(offset, Number(value), true);
    else view.setBigUint64(offset, BigInt(value), true);
  return bytes;
}

const device = (index: number, field: keyof typeof REGION_DEVICE_AT) =>
  REGION_AT.devices + index * REGION.deviceBytes + REGION_DEVICE_AT[field];
const slot = (index: number, field: keyof typeof REGION_SLOT_AT) =>
  REGION_AT.slots + index * REGION.slotBytes + REGION_SLOT_AT[field];

describe('the region', () => {
  it('starts empty', () => {
    const region = decodeRegion(emptyRegion());
    expect(region.ok && region.value.processes).toEqual([]);
    expect(region.ok && region.value.devices.map((d) => d.usedBytes)).toEqual(new Array(16).fill(0));
  });

  it('tells bytes from the change counter in a device word', () => {
    const region = decodeRegion(
      aRegion(
        [device(3, 'used_word'), 64, 0xabcd_0000_0040_0000n],
        [device(3, 'peak_bytes'), 64, 8_388_608],
        [device(3, 'refusals'), 64, 7],
        [device(3, 'refused_bytes'), 64, 9],
      ),
    );
    expect(region.ok && region.value.devices[3]).toEqual({
      usedBytes: 4_194_304,
      changes: 0xabcd,
      peakBytes: 8_388_608,
      refusals: 7,
      refusedBytes: 9,
      classBytes: [0, 0, 0, 0, 0, 0, 0, 0],
      compute: NO_COMPUTE,
    });
  });

  it('tells compute time in nanoseconds, debts and years included', () => {
    const region = decodeRegion(
      aRegion(
        [device(15, 'granted_ns'), 64, 31_536_000_000_000_000n],
        [device(15, 'throttled_ns'), 64, 2],
        [device(15, 'tokens_ns'), 64, 0xffff_ffff_ffff_fffdn],
        [device(15, 'inflight_ns'), 64, 4],
        [device(15, 'busy_ns'), 64, 5],
        [device(15, 'demand_ns'), 64, 6],
        [device(15, 'launches'), 64, 7],
      ),
    );
    expect(region.ok && region.value.devices[15]?.compute).toEqual({
      grantedNs: 31_536_000_000_000_000,
      throttledNs: 2,
      tokensNs: -3,
      inflightNs: 4,
      busyNs: 5,
      demandNs: 6,
      launches: 7,
    });
  });

  it('has its histograms and what nobody knows behind the devices', () => {
    const region = decodeRegion(
      aRegion(
        [REGION_AT.unknown_symbols, 64, 1],
        [REGION_AT.alloc_histogram, 64, 2],
        [REGION_AT.launch_histogram + 8, 64, 3],
        [REGION_AT.throttle_histogram + 8 * 23, 64, 4],
        [REGION_AT.driver_bytes_unknown, 64, 5],
      ),
    );
    const telemetry = region.ok ? region.value.telemetry : undefined;
    expect(telemetry).toMatchObject({ unknownSymbols: 1, driverBytesUnknown: 5 });
    expect(telemetry?.allocHistogram).toEqual([2, ...new Array<number>(23).fill(0)]);
    expect(telemetry?.launchHistogram.slice(0, 3)).toEqual([0, 3, 0]);
    expect(telemetry?.throttleHistogram).toEqual([...new Array<number>(23).fill(0), 4]);
  });

  it('of version 1 is read as before', () => {
    expect(decodeRegion(aRegion([REGION_AT.version, 32, 1])).ok).toBe(true);
  });

  it('lists processes by slot with their bytes per device and per class', () => {
    const region = decodeRegion(
      aRegion(
        [REGION_AT.attached, 64, 5],
        [slot(255, 'pid'), 32, 42],
        [slot(255, 'start_ticks'), 64, 1234],
        [slot(255, 'generation'), 64, 2],
        [slot(255, 'used'), 64, 100],
        [slot(255, 'used') + 8 * (2 * REGION.classes + 3), 64, 11],
      ),
    );
    expect(region.ok && region.value.attached).toBe(5);
    const process = region.ok ? region.value.processes[0] : undefined;
    expect(process).toMatchObject({ pid: 42, startTicks: 1234, generation: 2 });
    expect(process?.usedBytes.slice(0, 3)).toEqual([100, 0, 11]);
    expect(process?.bytes[2]?.slice(0, 4)).toEqual([0, 0, 0, 11]);
    const classes = region.ok ? region.value.devices.map((each) => each.classBytes.slice(0, 4)) : [];
    expect(classes.slice(0, 3)).toEqual([
      [100, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 11],
    ]);
  });

  it.each<[string, Uint8Array, string]>([
    ['grown', new Uint8Array(REGION.bytes + 1), 'region has 299009 bytes, not 299008'],
    ['truncated', new Uint8Array(0), 'region has 0 bytes, not 299008'],
    ['of zeros', new Uint8Array(REGION.bytes), `region magic is 0, not ${REGION.magic}`],
    [
      'of another version',
      aRegion([REGION_AT.version, 32, 3]),
      'region version is 3, this program reads 1 to 2',
    ],
    [
      'with other slots',
      aRegion([REGION_AT.slot_count, 32, 1e9]),
      'region slot count is 1000000000, not 256',
    ],
    [
      'with absurd counters',
      aRegion([device(0, 'peak_bytes'), 64, 0xffff_ffff_ffff_ffffn]),
      'region device counters are out of range',
    ],
    [
      'with absurd times',
      aRegion([device(0, 'granted_ns'), 64, 1n << 63n]),
      'region device counters are out of range',
    ],
    [
      'with an absurd histogram',
      aRegion([REGION_AT.launch_histogram + 8 * 23, 64, 1n << 63n]),
      'region telemetry is out of range',
    ],
    [
      'with an absurd process',
      aRegion([slot(0, 'pid'), 32, 1], [slot(0, 'used'), 64, 1n << 52n]),
      'region process counters are out of range',
    ],
  ])('%s is refused with a sentence', (_name, bytes, error) => {
    expect(decodeRegion(bytes)).toEqual({ ok: false, error });
  });

  it('is decoded without a throw whatever a tenant scribbles', () => {
    const scribble = fc.array(fc.tuple(fc.nat(REGION.bytes - 9), fc.bigInt(0n, 0xffff_ffff_ffff_ffffn)));
    fc.assert(
      fc.property(scribble, (writes) => {
        const bytes = aRegion(...writes.map(([at, value]) => [at, 64, value] as Write));
        expect(typeof decodeRegion(bytes).ok).toBe('boolean');
      }),
    );
  });
});
