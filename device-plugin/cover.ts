// SPDX-License-Identifier: Apache-2.0
// The other way to hand over the library: no preload, ours mounted over the driver's own files, which move aside to where
// ours looks for them. It meets loaders' namespaces too, and maps nothing into programs that never open the driver.
import type { Vendor } from '../src/vendors/index.js';
import type { ContainerEdits } from './cdi.js';

type Mount = NonNullable<ContainerEdits['mounts']>[number];

/** In the container: where the driver's covered files lie. */
export const DRIVER_FOLDER = '/usr/local/kerf/driver';

/** Programs of 32 bits have files of their own, which ours cannot stand for. */
const NARROW = /\/(?:i[3-6]86-linux-gnu|lib32)\//;

export interface CoverQuestion {
  readonly edits: ContainerEdits;
  readonly vendor: Pick<Vendor, 'coveredBy'>;
  readonly libraryFolder: string;
}

interface Covered {
  readonly soname: string;
  readonly mount: Mount;
}

/** The edits with the driver's files covered; null where they do not mount each of them as a file, so that none may be. */
export function coverDriver({ edits, vendor, libraryFolder }: CoverQuestion): ContainerEdits | null {
  const ours = vendor.coveredBy ?? {};
  const sonames = Object.keys(ours);
  const mounts = (edits.mounts ?? []).map((mount) => ({ mount, soname: sonameOf(mount, sonames) }));
  const covered = mounts.filter((each): each is Covered => each.soname !== null);
  const isWhole = sonames.every((name) => covered.some(({ soname }) => soname === name));
  if (sonames.length === 0 || !isWhole) return null;
  const others = mounts.filter(({ soname }) => soname === null).map(({ mount }) => mount);
  const over = covered.map(({ soname, mount: { containerPath } }) => ({
    ...{ hostPath: `${libraryFolder}/${ours[soname]}`, containerPath },
    options: ['bind', 'ro'],
  }));
  return { ...edits, mounts: [...others, ...asideOf(covered), ...over] };
}

/** The driver's files are called by their soname, or so with a version of their own behind. */
function sonameOf({ containerPath }: Mount, sonames: readonly string[]): string | null {
  if (typeof containerPath !== 'string' || NARROW.test(containerPath)) return null;
  const file = containerPath.slice(containerPath.lastIndexOf('/') + 1);
  const stemOf = (name: string): string => name.slice(0, name.lastIndexOf('.'));
  return sonames.find((name) => file === stemOf(name) || file.startsWith(`${stemOf(name)}.`)) ?? null;
}

/** Once each: a driver may be mounted at several places. */
function asideOf(covered: readonly Covered[]): readonly Mount[] {
  const first = new Map<string, Mount>();
  for (const { soname, mount } of covered) if (!first.has(soname)) first.set(soname, mount);
  return [...first].map(([soname, mount]) => ({ ...mount, containerPath: `${DRIVER_FOLDER}/${soname}` }));
}
