// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of a process under /proc, read for who it is: which pod's cgroup, which slot's files it has
// mounted, its pid where it lives. A tenant writes none of it (without CAP_SYS_ADMIN).

/** As systemd's slices write it (kubepods-burstable-pod1b…_…slice), as paths do, and of static pods. */
const POD = /pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])/;

/** Uid of the pod in /proc/PID/cgroup; empty outside pods. */
export function podUidIn(cgroup: string): string {
  return POD.exec(cgroup)?.[1]?.replaceAll('_', '-') ?? '';
}

/** Runtime's id of the container in /proc/PID/cgroup; empty outside containers. */
export function containerIn(cgroup: string): string {
  return /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/.exec(cgroup)?.[0] ?? '';
}

/** The slot whose limits page is mounted, by /proc/PID/mountinfo; empty where none is. */
export function slotIn(mountinfo: string): string {
  return /\/slots\/([0-9a-f]{32})\/limits /.exec(mountinfo)?.[1] ?? '';
}

/** Its pid in the innermost namespace, by /proc/PID/status; 0 where it is not told. */
export function innerPidIn(status: string): number {
  return Number(/^NSpid:.*?(\d+)\s*$/m.exec(status)?.[1] ?? 0);
}

/** Field 22 of /proc/PID/stat: tells a reused pid. The name before it may hold anything, brackets too. 0: unreadable. */
export function startTicksIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[19] ?? 0) || 0;
}
