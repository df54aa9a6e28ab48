// SPDX-License-Identifier: Apache-2.0
// What the demo needs of the machine, and what it does without.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Ground {
  /** Programs that are missing, with the Debian package that brings each. */
  readonly missing: readonly string[];
  /** Why there can be no real nodes; empty when there can. */
  readonly whyNoNodes: string;
}

/** Program to Debian package. */
const NEEDED: Readonly<Record<string, string>> = {
  gcc: 'gcc',
  cmake: 'cmake',
  go: 'golang (1.26 or newer)',
};
/** What the demo installs itself where it is root (`npm run cluster:build`). */
const NEEDED_UNLESS_ROOT: Readonly<Record<string, string>> = { 'g++': 'g++', make: 'make' };

export function lookAround(): Ground {
  const needed = isRoot() ? NEEDED : { ...NEEDED, ...NEEDED_UNLESS_ROOT };
  const missing = Object.entries(needed).filter(([program]) => !isOnPath(program));
  return {
    missing: missing.map(([program, from]) => `${program} (package ${from})`),
    whyNoNodes: whyNoNodes(),
  };
}

function whyNoNodes(): string {
  if (process.platform !== 'linux') return `real nodes need Linux, and this is ${process.platform}`;
  if (!isRoot()) return 'real nodes need root: namespaces, mounts, cgroups';
  return '';
}

const isRoot = (): boolean => process.getuid?.() === 0;

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
