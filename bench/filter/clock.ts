// SPDX-License-Identifier: Apache-2.0
// What an act takes of this process. On a machine where others run beside us the clock on the wall counts their turns
// too, and the CPU time of a process its helping threads (garbage, compiling): the smaller of the two is what the
// act itself took at most.

/** Milliseconds. */
export function timed(act: () => void): number {
  const cpu = process.cpuUsage();
  const start = performance.now();
  act();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return Math.min(wall, (user + system) / 1000);
}
