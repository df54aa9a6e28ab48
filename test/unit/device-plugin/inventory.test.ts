// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DeviceEvent } from '../../../device-plugin/health.js';
import { Announcer, Inventory } from '../../../device-plugin/inventory.js';
import type { NodeDevice } from '../../../device-plugin/node-device.js';
import { deviceOf } from '../../../device-plugin/probe.js';
import type { KubeCall } from '../../../src/adapters/kubernetes/client.js';
import type { Verdict } from '../../../src/core/health.js';
import { encodeInventory } from '../../../src/wire/inventory.js';
import type { LinkWord } from '../../../src/wire/links.js';
import { aNodeDevice, GPU_B } from '../../builders/slots.js';
import { FakeClock } from '../../fakes/clock.js';

const A = aNodeDevice();
const B = aNodeDevice({ id: GPU_B, index: 1, minor: 1 });

function anInventory(answers: (readonly NodeDevice[] | Error)[], held: readonly string[] = [A.id, B.id]) {
  const told: (readonly NodeDevice[])[] = [];
  const clock = new FakeClock();
  const inventory = new Inventory({
    probe: async () => {
      const answer = answers.shift() ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    clock,
    quarantineMs: 60_000,
    isHeld: (id) => held.includes(id),
    onChange: (devices) => void told.push(devices),
    onFault: () => {},
  });
  return { inventory, told, clock };
}

async function after(answers: (readonly NodeDevice[] | Error)[]) {
  const count = answers.length;
  const { inventory, told } = anInventory(answers);
  for (let turn = 0; turn < count; turn++) await inventory.look();
  return { all: inventory.all, told };
}

const SILENT = new Error('NVML was silent');
const sickOf = (reason: string) => ({ isHealthy: false, reason });

describe('the inventory', () => {
  it('is told when it changes, and only then', async () => {
    const { told } = await after([
      [A, B],
      [A, B],
      [B, A],
      [A, { ...B, ...sickOf('XID 79') }],
    ]);
    expect(told).toEqual([
      [A, B],
      [A, { ...B, ...sickOf('XID 79') }],
    ]);
  });

  it('is told when links change, and only then', async () => {
    const linked = (word: LinkWord) => [{ ...A, peers: new Map([[B.id, word]]) }, B];
    const { told } = await after([linked('PIX'), linked('PIX'), linked('NV4'), [...linked('NV4')]]);
    expect(told).toEqual([linked('PIX'), linked('NV4')]);
  });

  it('keeps the place of a device that is not seen any more', async () => {
    const { all } = await after([[A, B], [B]]);
    expect(all).toEqual([{ ...A, ...sickOf('the driver does not see it any more'), isMissing: true }, B]);
  });

  it('lets a device go that left, once no pod sits on it, and takes one that comes', async () => {
    const { inventory, told } = anInventory([[A], [A, B], [B]], [B.id]);
    for (let look = 0; look < 3; look++) await inventory.look();
    expect(told).toEqual([[A], [A, B], [B]]);
  });

  it('lets one silence of the driver pass, and believes the second', async () => {
    expect((await after([[A], SILENT])).all).toEqual([A]);
    expect((await after([[A], SILENT, SILENT])).all).toEqual([{ ...A, ...sickOf('NVML was silent') }]);
    expect((await after([[A], SILENT, SILENT, [A]])).all).toEqual([A]);
    expect((await after([[A], SILENT, [A], SILENT])).all).toEqual([A]);
  });

  it('takes what the driver tells, capacity rounded down', () => {
    const told = {
      ...{ index: 1, uuid: GPU_B, minor: 3, name: 'm', pciBusId: '', memoryTotalBytes: 3 * 2 ** 20 - 1 },
      ...{ memoryUsedBytes: 0, numaNode: null, utilizationPercent: null, error: 'NVML_ERROR_GPU_IS_LOST' },
      processes: [],
    };
    expect(deviceOf(told, { vendor: 'nvidia', splits: 4, peers: new Map() })).toMatchObject({
      ...{ id: GPU_B, index: 1, minor: 3, memory: 2, cores: 1000, splits: 4, numa: null },
      ...sickOf('NVML_ERROR_GPU_IS_LOST'),
    });
  });
});

describe('a device that tells of itself', () => {
  const fault = (verdict: Verdict): DeviceEvent => ({
    ...{ kind: 'fault', deviceId: B.id, code: 1 },
    rule: { verdict, text: 'XID 1: it' },
  });

  it('is unhealthy before the driver is asked again, and the others are not', async () => {
    const { inventory, told } = anInventory([[A, B]]);
    await inventory.look();
    inventory.hear(fault('fatal'));
    expect(told.at(-1)).toEqual([A, { ...B, ...sickOf('XID 1: it; it must be reset') }]);
  });

  it('is not touched by what is to be ignored', async () => {
    const { inventory, told } = anInventory([[A, B]]);
    await inventory.look();
    inventory.hear(fault('ignore'));
    expect(told).toEqual([[A, B]]);
  });

  it('comes back from quarantine by a look after its time, and not before', async () => {
    const { inventory, clock } = anInventory([
      [A, B],
      [A, B],
      [A, B],
      [A, B],
    ]);
    await inventory.look();
    inventory.hear(fault('quarantine'));
    await inventory.look();
    clock.advance(59_999);
    await inventory.look();
    expect(inventory.byId.get(B.id)?.reason).toBe('XID 1: it; looked at again after 60 s');
    clock.advance(1);
    await inventory.look();
    expect(inventory.all).toEqual([A, B]);
  });

  it('comes back from the end when the driver had lost it, and has it again', async () => {
    const lost = { ...B, ...sickOf('NVML_ERROR_GPU_IS_LOST') };
    const { inventory } = anInventory([
      [A, B],
      [A, B],
      [A, B],
      [A, lost],
      [A, B],
    ]);
    await inventory.look();
    inventory.hear(fault('fatal'));
    for (let look = 0; look < 2; look++) await inventory.look();
    expect(inventory.byId.get(B.id)?.isHealthy).toBe(false);
    for (let look = 0; look < 2; look++) await inventory.look();
    expect(inventory.all).toEqual([A, B]);
  });

  it('has the driver asked anew though it is being asked', async () => {
    const { inventory } = anInventory([[A, B], [A]], []);
    const running = inventory.look();
    inventory.hear({ kind: 'stir' });
    await running;
    await inventory.look();
    expect(inventory.all).toEqual([A]);
  });
});

describe('the node’s annotation', () => {
  function anAnnouncer(annotation: string | undefined) {
    const clock = new FakeClock();
    const calls: KubeCall[] = [];
    const node = { annotation, isAway: false };
    const faults: unknown[] = [];
    const announcer = new Announcer({
      client: {
        send: async (call) => {
          calls.push(call);
          if (node.isAway) throw new Error('away');
          if (call.method === 'GET')
            return JSON.stringify({
              metadata: { annotations: { 'kerf.dev/inventory-nvidia': node.annotation } },
            });
          const body = JSON.parse(call.body ?? '') as { metadata: { annotations: Record<string, string> } };
          node.annotation = body.metadata.annotations['kerf.dev/inventory-nvidia'];
          return '{}';
        },
      },
      node: 'n1',
      vendor: 'nvidia',
      clock,
      onWritten: () => {},
      onFault: (fault) => void faults.push(fault),
    });
    /** Lets the promises between two calls settle, then moves the clock. */
    const pass = async (ms: number): Promise<void> => {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      clock.advance(ms);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    };
    const writes = (): number => calls.filter(({ method }) => method === 'PATCH').length;
    return { announcer, node, writes, pass, faults };
  }

  it('is written when it differs', async () => {
    const { announcer, node, writes, pass } = anAnnouncer(undefined);
    announcer.announce([A]);
    await pass(0);
    expect([node.annotation, writes()]).toEqual([encodeInventory([A]), 1]);
  });

  it('is not written when it says so already, however often it is looked at', async () => {
    const { announcer, writes, pass } = anAnnouncer(encodeInventory([A]));
    announcer.announce([A]);
    await pass(3_600_000);
    announcer.check();
    await pass(0);
    expect(writes()).toBe(0);
  });

  it('is written when the API server is back, in its last form', async () => {
    const { announcer, node, writes, pass, faults } = anAnnouncer(undefined);
    node.isAway = true;
    announcer.announce([A]);
    await pass(2_000);
    announcer.announce([A, B]);
    await pass(0);
    node.isAway = false;
    await pass(2_000);
    expect([node.annotation, writes()]).toEqual([encodeInventory([A, B]), 1]);
    expect(faults.length).toBeGreaterThan(0);
  });

  it('is written again when the node object was made anew', async () => {
    const { announcer, node, writes, pass } = anAnnouncer(undefined);
    announcer.announce([A]);
    await pass(0);
    node.annotation = undefined;
    await pass(300_000);
    expect(writes()).toBe(2);
  });
});
