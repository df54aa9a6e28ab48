// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LibraryMode } from '../../../device-plugin/allocate.js';
import { EnforcementWatch } from '../../../device-plugin/enforcement-watch.js';
import { projectPod } from '../../../device-plugin/pod-view.js';
import { SlotStore } from '../../../device-plugin/slots.js';
import { anOwner, aSlot } from '../../builders/slots.js';
import { FakeClock } from '../../fakes/clock.js';
import { folders } from '../../fakes/folder.js';

const newFolder = folders();
const ID = 'c'.repeat(64);
const NEXT = 'd'.repeat(64);
const WITH = '7f00-7f01 r-xp 00000000 08:01 1 /usr/local/kerf/libkerf.so\n';
const COVERED = '7f00-7f01 r-xp 00000000 08:01 1 /usr/local/kerf/driver/libcuda.so.1\n';
const WITHOUT = '0040-0050 r-xp 00000000 08:01 1 /bin/busybox\n';

function aPod(containerID: string) {
  const containerStatuses = [
    { name: 'a', containerID: `containerd://${containerID}`, state: { running: {} } },
  ];
  const raw = {
    metadata: { uid: 'uid-1', namespace: 'default', name: 'p' },
    spec: {},
    status: { containerStatuses },
  };
  return projectPod(raw, 'nvidia.com/gpu');
}

async function aWatch(isHeld = true, libraryMode: LibraryMode = 'preload') {
  const folder = newFolder();
  const procFolder = join(folder, 'proc');
  mkdirSync(procFolder);
  const store = await SlotStore.open(join(folder, 'slots'), 'nvidia.com/gpu');
  const slot = aSlot(1, ['1'], anOwner());
  await store.put([slot]);
  const pods = { pod: aPod(ID), lastSeen: () => pods.pod };
  const clock = new FakeClock();
  const told: string[] = [];
  const watch = new EnforcementWatch({
    ...{ procFolder, isHeld, libraryMode, store, pods, clock },
    onJudged: (_, enforcement) => void told.push(enforcement),
    onFault: () => {},
  });
  const run = (pid: number, containerId: string, maps: string): void => {
    mkdirSync(join(procFolder, String(pid)), { recursive: true });
    writeFileSync(
      join(procFolder, String(pid), 'cgroup'),
      `0::/kubepods/cri-containerd-${containerId}.scope\n`,
    );
    writeFileSync(join(procFolder, String(pid), 'maps'), maps);
  };
  const end = (pid: number): void => rmSync(join(procFolder, String(pid)), { recursive: true });
  const look = async (times = 1): Promise<string> => {
    for (let turn = 0; turn < times; turn++) await watch.look();
    return watch.of(slot.slot);
  };
  return { watch, slot, pods, clock, told, run, end, look };
}

describe('whether the library holds a container', () => {
  it('is pending until a process is seen', async () => {
    const { look, run } = await aWatch();
    run(1, 'e'.repeat(64), WITH);
    expect(await look(5)).toBe('pending');
  });

  it('stays pending where the driver is covered, until a process has opened it', async () => {
    const { look, run } = await aWatch(true, 'cover');
    run(10, ID, WITHOUT);
    expect(await look(5)).toBe('pending');
    run(11, ID, COVERED);
    expect(await look(5)).toBe('enforced');
  });

  it('is enforced as soon as one process has it loaded', async () => {
    const { look, run, told } = await aWatch();
    run(10, ID, WITHOUT);
    run(11, ID, WITH);
    expect(await look()).toBe('enforced');
    expect(await look(3)).toBe('enforced');
    expect(told).toEqual(['enforced']);
  });

  it('is unenforced only after three looks: between clone and exec a process is the runtime’s', async () => {
    const { look, run, told } = await aWatch();
    run(10, ID, WITHOUT);
    expect(await look(2)).toBe('pending');
    expect(await look()).toBe('unenforced');
    expect(told).toEqual(['unenforced']);
  });

  it('is looked at again when a static shell may have started something else', async () => {
    const { look, run, clock } = await aWatch();
    run(10, ID, WITHOUT);
    await look(3);
    run(11, ID, WITH);
    expect(await look()).toBe('unenforced');
    clock.advance(15_000);
    expect(await look()).toBe('enforced');
  });

  it('begins anew with the container that a restart makes', async () => {
    const { look, run, end, pods, watch, slot } = await aWatch();
    run(10, ID, WITH);
    await look();
    watch.forget(slot.slot);
    end(10);
    pods.pod = aPod(NEXT);
    run(12, NEXT, WITHOUT);
    expect(await look(3)).toBe('unenforced');
  });

  it('is off where the vendor’s containers have nothing of ours, whatever runs there', async () => {
    const { run, watch, slot } = await aWatch(false);
    run(10, ID, WITH);
    watch.start();
    expect(watch.of(slot.slot)).toBe('off');
  });
});
