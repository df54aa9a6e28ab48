// SPDX-License-Identifier: Apache-2.0
// Each check on a node where all is well, and on one where its own thing is not.
import { mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Places } from '../../../../src/adapters/doctor/check.js';
import { CHECKS, examine } from '../../../../src/adapters/doctor/examine.js';
import { amd } from '../../../../src/vendors/amd.js';
import { folders } from '../../../fakes/folder.js';
import { aDevice, aProbe, CONFIG, elf, listen, soundNode, write } from './places.js';

const newFolder = folders();
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function aNode(): Promise<{ root: string; places: Places }> {
  const root = newFolder();
  const places = soundNode(root);
  for (const folder of ['device-plugins', 'pod-resources'])
    servers.push(await listen(join(root, 'k', folder, 'kubelet.sock')));
  return { root, places };
}

const seen = async (places: Places, name: string) =>
  (await examine(places)).find(({ check }) => check === name);

interface Case {
  readonly check: string;
  readonly title: string;
  readonly verdict: 'warn' | 'fail' | 'skipped';
  readonly told: RegExp;
  readonly spoil: (root: string, places: Places) => Partial<Places> | void;
}

const row = (
  [check, verdict]: readonly [string, Case['verdict']],
  title: string,
  [told, spoil]: readonly [RegExp, Case['spoil']],
): Case => ({ check, verdict, title, told, spoil });

const CASES: readonly Case[] = [
  row(['driver', 'fail'], 'a library that is not there', [
    /does not answer: no such file/,
    () => ({ openProbe: aProbe(new Error('no such file')) }),
  ]),
  row(['driver', 'fail'], 'no device', [
    /driver 580.1 tells no NVIDIA GPU/,
    () => ({ openProbe: aProbe([]) }),
  ]),
  row(['driver', 'warn'], 'an ill device', [
    /device 1 \(LOST\) cannot be used/,
    () => ({ openProbe: aProbe([aDevice(), aDevice({ index: 1, error: 'LOST' })]) }),
  ]),
  row(['library', 'fail'], 'no library', [
    /libkerf-nvml.so is not there/,
    (root) => rmSync(join(root, 'lib/libkerf-nvml.so')),
  ]),
  row(['library', 'fail'], 'another version', [
    /is of version 0.0.9, and this is/,
    () => ({ libraryDir: '/opt/kerf/0.0.9' }),
  ]),
  row(['library', 'fail'], 'a library that some users cannot read', [
    /cannot be read by all users/,
    (root) => write(root, 'lib/libkerf.so', elf(), 0o750),
  ]),
  row(['library', 'fail'], 'a library that anybody can write', [
    /can be written by others/,
    (root) => write(root, 'lib/libkerf.so', elf(), 0o757),
  ]),
  row(['library', 'fail'], 'a text in its place', [
    /is no library/,
    (root) => write(root, 'lib/libkerf.so', 'x'.repeat(40)),
  ]),
  row(['library', 'fail'], 'another architecture', [
    /is not for this machine/,
    (root) => write(root, 'lib/libkerf.so', elf(8)),
  ]),
  row(['library', 'skipped'], 'a vendor whose slices nothing holds', [
    /nothing of Kerf goes into/,
    () => ({ vendor: amd }),
  ]),
  row(['cdi-folder', 'fail'], 'a file in its place', [
    /is no folder/,
    (root) => ({ cdiDir: join(root, 'config.toml') }),
  ]),
  row(['cdi-folder', 'fail'], 'no parent', [/cannot be written/, () => ({ cdiDir: '/proc/none/cdi' })]),
  row(['state-folder', 'fail'], 'no parent', [/cannot be written/, () => ({ stateDir: '/proc/none/kerf' })]),
  row(['cdi-spec', 'warn'], 'no spec', [
    /no spec of nvidia.com\/gpu/,
    () => ({ vendorCdiDirs: ['/nowhere'] }),
  ]),
  row(['cdi-spec', 'fail'], 'a spec half written', [
    /vendor.yaml cannot be read/,
    (root) => write(root, 'etc-cdi/vendor.yaml', '{'),
  ]),
  row(['runtime', 'fail'], 'a runtime that is silent', [
    /silent/,
    () => ({ askRuntime: () => Promise.reject(new Error('silent')) }),
  ]),
  row(['runtime', 'fail'], 'CDI off', [
    /CDI is off: containerd/,
    () => ({
      askRuntime: async () => ({
        name: 'containerd',
        version: 'v1.7.0',
        texts: { config: '{"enableCDI":false}' },
      }),
    }),
  ]),
  row(['kubelet', 'fail'], 'no kubelet', [/there is no .*kubelet.sock/, () => ({ kubeletDir: '/nowhere' })]),
  row(['kubelet', 'fail'], 'a socket nobody serves', [
    /ECONNREFUSED|ENOTSOCK/,
    (root) => {
      mkdirSync(join(root, 'k2/device-plugins'), { recursive: true });
      write(root, 'k2/device-plugins/kubelet.sock', '');
      return { kubeletDir: join(root, 'k2') };
    },
  ]),
  row(['permissions', 'fail'], 'another user', [
    /runs as user 1000/,
    (root) => write(root, 'proc/self/status', 'Uid:\t1000\t1000\nCapEff:\t0\n'),
  ]),
  row(['permissions', 'warn'], 'root without its rights', [
    /without CAP_SYS_ADMIN and CAP_SYS_PTRACE/,
    (root) => write(root, 'proc/self/status', 'Uid:\t0\t0\nCapEff:\t00000000a80425fb\n'),
  ]),
  row(['clock', 'fail'], 'a clock in the past', [/says 1970-01-01/, () => ({ clock: { now: () => 0 } })]),
  row(['clock', 'warn'], 'nobody who keeps it', [
    /nobody here/,
    (root) => rmSync(join(root, 'proc/12'), { recursive: true }),
  ]),
  row(['cgroups', 'warn'], 'cgroups v1', [
    /is of cgroups v1/,
    (root) => rmSync(join(root, 'cgroup/cgroup.controllers')),
  ]),
  row(['cgroups', 'fail'], 'none', [/there is no \/nowhere/, () => ({ cgroupDir: '/nowhere' })]),
  row(['visible-devices', 'fail'], 'a runtime that believes the env', [
    /any pod gets every device/,
    (root) => write(root, 'config.toml', `${CONFIG} = true\n`),
  ]),
  row(['visible-devices', 'fail'], 'the switch left at its default', [
    /is not false/,
    (root) => write(root, 'config.toml', `#${CONFIG} = false\n[x]\n${CONFIG} = false\n`),
  ]),
  row(['visible-devices', 'skipped'], 'no such runtime', [
    /is not installed/,
    () => ({ runtimeConfig: '/nowhere' }),
  ]),
  row(['visible-devices', 'skipped'], 'another vendor', [/no such switch/, () => ({ vendor: amd })]),
  row(['other-plugin', 'fail'], 'ids that are not ours', [
    /another plugin offers nvidia.com\/gpu: the kubelet holds 1 ids of it, GPU-9/,
    (root) =>
      write(
        root,
        'k/device-plugins/kubelet_internal_checkpoint',
        '{"Data":{"RegisteredDevices":{"nvidia.com/gpu":["slot-0001","GPU-9"]}}}',
      ),
  ]),
  row(['other-plugin', 'warn'], 'a socket of its name', [
    /nvidia-gpu.sock in .* may be another/,
    (root) => write(root, 'k/device-plugins/nvidia-gpu.sock', ''),
  ]),
  row(['other-plugin', 'skipped'], 'no kubelet', [/there is no/, () => ({ kubeletDir: '/nowhere' })]),
];

describe('doctor', () => {
  it('finds nothing to do on a node where all is well', async () => {
    const { places } = await aNode();
    const found = await examine(places);
    expect(found.map(({ check, verdict, remedy }) => [check, verdict, remedy])).toEqual(
      CHECKS.map(({ name }) => [name, 'ok', '']),
    );
  });

  it.each(CASES)('$check: $title is $verdict, in one sentence and with what to do', async (each) => {
    const { root, places } = await aNode();
    const changes = each.spoil(root, places) ?? {};
    const found = await seen({ ...places, ...changes }, each.check);
    expect(found).toMatchObject({ verdict: each.verdict });
    expect(found?.told).toMatch(each.told);
    expect(found?.told).not.toMatch(/\.$|\n/);
    expect(found?.remedy === '').toBe(each.verdict === 'skipped');
  });

  it('is made to fail or warn at every check', () => {
    const spoiled = new Set(CASES.filter(({ verdict }) => verdict !== 'skipped').map(({ check }) => check));
    expect([...spoiled].toSorted()).toEqual(CHECKS.map(({ name }) => name).toSorted());
  });

  it('takes a clock that systemd-timesyncd has set', async () => {
    const { root, places } = await aNode();
    rmSync(join(root, 'proc/12'), { recursive: true });
    write(root, 'run/systemd/timesync/synchronized', '');
    expect(await seen(places, 'clock')).toMatchObject({ verdict: 'ok' });
  });

  it('tells a check that breaks as a failure, and goes on', async () => {
    const { root, places } = await aNode();
    rmSync(join(root, 'proc'), { recursive: true });
    const found = await examine(places);
    expect(found).toHaveLength(CHECKS.length);
    expect(found.find(({ check }) => check === 'permissions')).toMatchObject({ verdict: 'fail' });
  });
});
