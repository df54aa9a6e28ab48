// SPDX-License-Identifier: Apache-2.0
// Entry of the process that loads librocm_smi64. Arguments: names of the library, the first that opens is taken.
import { opensOnce, serveParent } from '../child-serve.js';
import type { ProbedDevice } from '../contract.js';
import { openRocmSmi, type RocmSmi } from './library.js';
import { readDevices, readLinks } from './read.js';

/** The library lists the machine's devices when it is opened: so many looks later, or after one failed, it is opened anew. */
const LOOKS_PER_LIST = 12;
const DRIVER = 0;

let library: RocmSmi | undefined;
let looks = 0;
let isStale = false;

const opened = opensOnce(async () => {
  library ??= openRocmSmi(process.argv.slice(2));
  await library.init();
  return library;
});

async function relist(smi: RocmSmi): Promise<void> {
  looks += 1;
  if (!isStale && looks % LOOKS_PER_LIST !== 0) return;
  isStale = false;
  await smi.shutDown();
  await smi.init();
}

async function devicesOf(smi: RocmSmi): Promise<readonly ProbedDevice[]> {
  await relist(smi);
  const devices = await readDevices(smi);
  isStale = devices.some(({ error }) => error !== null);
  return devices;
}

const VERBS: Readonly<Record<string, (smi: RocmSmi) => Promise<unknown>>> = {
  devices: devicesOf,
  links: readLinks,
  driverVersion: (smi) => smi.text('rsmi_version_str_get', DRIVER),
};

/** The library is told one thing at a time: opening it anew must not meet another question. */
let last: Promise<unknown> = Promise.resolve();

function inTurn<T>(act: () => Promise<T>): Promise<T> {
  const turn = last.then(act, act);
  last = turn;
  return turn;
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('RSMI_') ? code : 'RSMI_BINDING_MISSING';
}

serveParent({
  answer: (verb) => inTurn(async () => VERBS[verb]?.(await opened())),
  codeOf,
});
