// SPDX-License-Identifier: Apache-2.0
// The driver and what comes from it: devices, our library for their containers.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { VERSION } from '../../core/version.js';
import { type Check, fail, ok, reasonOf, skipped, warn } from './check.js';

export const driver: Check = {
  name: 'driver',
  about: 'The vendor’s management library opens, and tells devices that are well.',
  async look({ vendor, openProbe }) {
    const probe = openProbe();
    try {
      const [devices, version] = [await probe.devices(), await probe.driverVersion()];
      const ill = devices.filter(({ error }) => error !== null);
      if (devices.length === 0)
        return fail(
          `driver ${version} tells no ${vendor.title}`,
          'look at the kernel’s log for the devices, or run no agent here',
        );
      const told = `driver ${version} tells ${devices.length} devices`;
      if (ill.length === 0) return ok(told);
      const names = ill.map(({ index, error }) => `device ${index} (${error})`).join(', ');
      return warn(
        `${told}, and ${names} cannot be used`,
        'reset or replace them; the others are offered meanwhile',
      );
    } catch (fault) {
      const remedy = 'install the driver, or name its library with --driver-library';
      return fail(`the driver does not answer: ${reasonOf(fault)}`, remedy);
    } finally {
      await probe.close();
    }
  },
};

const LIBRARIES = ['libkerf.so', 'libkerf-nvml.so'];
const SEMVER = /^\d+\.\d+\.\d+/;

export const library: Check = {
  name: 'library',
  about:
    'libkerf.so and libkerf-nvml.so of this version lie in --library-dir, for any user to read and only root to write.',
  look({ vendor, libraryDir }) {
    if (vendor.enforcement === 'off')
      return skipped(`nothing of Kerf goes into containers with a ${vendor.title}`);
    const version = basename(libraryDir);
    const remedy = `lay the libraries of Kerf ${VERSION} into ${libraryDir}: the DaemonSet's init container does`;
    if (SEMVER.test(version) && version !== VERSION)
      return fail(
        `${libraryDir} is of version ${version}, and this is ${VERSION}`,
        `use --library-dir …/${VERSION}`,
      );
    for (const name of LIBRARIES) {
      const wrong = flawOf(join(libraryDir, name));
      if (wrong !== null) return fail(`${join(libraryDir, name)} ${wrong}`, remedy);
    }
    return ok(`${LIBRARIES.join(' and ')} lie in ${libraryDir}`);
  },
};

/** e_machine of the ELF header, by Node's name of the architecture. */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

function flawOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'is not there';
  if ((found.mode & 0o004) === 0) return 'cannot be read by all users: containers run as any of them';
  if ((found.mode & 0o022) !== 0)
    return 'can be written by others than its owner: whoever does runs in every container';
  const head = Buffer.alloc(20);
  const file = openSync(path, 'r');
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  if (head.toString('latin1', 0, 4) !== '\u007fELF') return 'is no library';
  return head.readUInt16LE(18) === MACHINES[process.arch]
    ? null
    : `is not for this machine (${process.arch})`;
}
