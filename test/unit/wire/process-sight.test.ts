// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { containerIn, innerPidIn, podUidIn, slotIn, startTicksIn } from '../../../src/wire/process-sight.js';

const UID = '1b2c3d4e-0001-4a2b-8c3d-0123456789ab';

describe('what the kernel tells of a process', () => {
  it.each([
    [
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice/cri-containerd-${'a'.repeat(64)}.scope`,
      UID,
    ],
    [`0::/kubepods/besteffort/pod${UID}/${'b'.repeat(64)}`, UID],
    [`12:devices:/kubepods/pod${'c'.repeat(32)}/x`, 'c'.repeat(32)],
    ['0::/system.slice/gdm.service', ''],
    ['0::/user.slice/podman-1234.scope', ''],
    ['', ''],
  ])('a pod by its cgroup: %s', (text, uid) => expect(podUidIn(text)).toBe(uid));

  it('a container by its cgroup', () => {
    const id = 'a1'.repeat(32);
    expect(containerIn(`0::/kubepods/besteffort/pod${UID}/${id}`)).toBe(id);
    expect(containerIn(`4:memory:/k8s.io/${id}\n3:cpuset:/k8s.io/${id}\n`)).toBe(id);
    expect(containerIn('0::/system.slice/gdm.service')).toBe('');
  });

  it('a slot by the page it has mounted', () => {
    const slot = '0123456789abcdef0123456789abcdef';
    const line = `901 880 0:29 /kerf/slots/${slot}/limits /usr/local/kerf/limits ro,relatime - ext4 /dev/vda1 rw`;
    expect(slotIn(`1 0 0:1 / / rw - overlay overlay rw\n${line}\n`)).toBe(slot);
    expect(slotIn('1 0 0:1 / / rw - overlay overlay rw')).toBe('');
  });

  it('its pid where it lives', () => {
    expect(innerPidIn('Name:\tx\nNSpid:\t4711\t88\t7\nNSpgid:\t1\n')).toBe(7);
    expect(innerPidIn('Name:\tx\nNSpid:\t4711\n')).toBe(4711);
    expect(innerPidIn('')).toBe(0);
  });

  it('when it began, whatever it calls itself', () => {
    const after = Array.from({ length: 30 }, (_, at) => String(at + 3)).join(' ');
    expect(startTicksIn(`99 (a) b) S) ${after}`)).toBe(22);
    expect(startTicksIn('')).toBe(0);
  });
});
