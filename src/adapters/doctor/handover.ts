// SPDX-License-Identifier: Apache-2.0
// What hands a device over: CDI's folder, the vendor's spec, the container runtime.
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { isRecord } from '../../wire/json.js';
import { judgeCdi } from '../cri/cdi.js';
import { type Check, fail, ok, type Places, reasonOf, warn } from './check.js';

export const cdiFolder: Check = {
  name: 'cdi-folder',
  about: 'Slots can be written where the runtime looks for CDI specs (--cdi-dir).',
  look: ({ cdiDir }) => writable(cdiDir, 'CDI specs'),
};

export const stateFolder: Check = {
  name: 'state-folder',
  about: 'What must survive a restart can be written (--state-dir).',
  look: ({ stateDir }) => writable(stateDir, 'slots'),
};

function writable(folder: string, what: string) {
  const there = existsSync(folder) ? folder : dirname(folder);
  if (existsSync(folder) && !statSync(folder).isDirectory())
    return fail(`${folder} is no folder`, 'remove it: the device plugin makes the folder');
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
  } catch {
    return fail(
      `${folder} cannot be written by this user`,
      `let the device plugin run as root, with ${folder} of the node mounted`,
    );
  }
  return ok(existsSync(folder) ? `${folder} can hold ${what}` : `${folder} can be made`);
}

export const cdiSpec: Check = {
  name: 'cdi-spec',
  about: 'The vendor’s own CDI spec can be read: its libraries and device nodes go into containers.',
  look({ vendor, vendorCdiDirs }) {
    const broken: string[] = [];
    for (const path of vendorCdiDirs.flatMap(specsIn)) {
      const spec = specAt(path);
      if (spec === null) broken.push(path);
      if (isRecord(spec) && spec.kind === vendor.cdiKind && Array.isArray(spec.devices))
        return ok(`${path} describes ${spec.devices.length} devices of ${vendor.cdiKind}`);
    }
    if (broken.length > 0)
      return fail(
        `${broken.join(', ')} cannot be read, and no other spec is of ${vendor.cdiKind}`,
        'make it anew with the vendor’s tool',
      );
    return warn(
      `no spec of ${vendor.cdiKind} lies in ${vendorCdiDirs.join(', ')}: containers get device nodes and no libraries of the driver`,
      'make one with the vendor’s tool (nvidia-ctk cdi generate, amd-ctk cdi generate), unless images bring the libraries',
    );
  },
};

function specsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter(
    (name) => /\.(json|ya?ml)$/.test(name) && !name.startsWith('kerf-slot-'),
  );
  return names.sort().map((name) => join(folder, name));
}

/** null: no text that could be a spec. */
function specAt(path: string): unknown {
  try {
    const read: unknown = parse(readFileSync(path, 'utf8'), { logLevel: 'silent' });
    return isRecord(read) && typeof read.kind === 'string' ? read : null;
  } catch {
    return null;
  }
}

export const runtime: Check = {
  name: 'runtime',
  about:
    'The container runtime answers on --cri-socket and reads CDI names from --cdi-dir; one that does not starts containers unlimited.',
  async look({ criSocket, cdiDir, askRuntime }: Places) {
    try {
      const told = await askRuntime(criSocket);
      const verdict = judgeCdi(told, cdiDir);
      if (verdict.isOn) return ok(`${told.name} ${told.version} reads CDI names from ${cdiDir}`);
      return fail(`CDI is off: ${verdict.found}`, verdict.remedy);
    } catch (fault) {
      return fail(reasonOf(fault), 'start the runtime, or name its socket with --cri-socket');
    }
  },
};
