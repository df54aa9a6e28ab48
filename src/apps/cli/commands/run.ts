// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { openDrivers } from '../../../adapters/probes/driver.js';
import { regionIn } from '../../../adapters/region/box.js';
import { divideBursts } from '../../../adapters/run/burst.js';
import { startCommand, type Started } from '../../../adapters/run/command.js';
import { libraryFolder, preloadText } from '../../../adapters/run/libraries.js';
import { locked } from '../../../adapters/run/lock.js';
import { startTicksOf } from '../../../adapters/run/processes.js';
import {
  hasBursts,
  isLeft,
  makeOwnFolder,
  makeSlice,
  removeSlice,
  runningSlices,
  sliceFolders,
  type SliceFolders,
  sweepSlices,
  writeStarted,
} from '../../../adapters/run/slices.js';
import { placeHere, type WishHere } from '../../../core/slice-here.js';
import type { DeviceReading } from '../../../observing/usage.js';
import type { SliceRecord } from '../../../wire/slice-record.js';
import { Ended, type Io, Misused, reasonOf, Refused } from '../io.js';
import { nameOf, readWish, type RunFlags } from '../run-options.js';
import { mibText } from '../table.js';

const EXAMPLES = `
Examples:
  kerf run --gpu-mem 4Gi --gpu-cores 30 -- python train.py    4 GiB and 30 % of the first device with room
  kerf run --gpu-mem 25% --device GPU-3b24… -- ./server        a quarter of that device's memory
  kerf run --gpu-mem 4Gi --gpu-mem-burst 8Gi -- python nb.py   4 GiB promised, 8 GiB while nobody else needs them
  kerf run --gpu-mem 4Gi --name train -- bash                  a shell; then: kerf resize train --gpu-mem 6Gi

Works without a cluster; several at once share a device. Nothing asked of memory is all of the device, nothing asked
of compute is no limit. The exit status is the command's. \`kerf top --local\` shows the slices of this machine.
Root's slices bind /etc/ld.so.preload and /usr/local/kerf (made, empty, where missing); other users need user namespaces.
`;

const BURST_MS = 1_000;

export function addRun(program: Command, io: Io): void {
  program
    .command('run <command...>')
    .description('Runs a command in a slice of a device of this machine.')
    .option('--gpu-mem <amount>', 'memory: MiB, a quantity such as 4Gi, or a share such as 25%')
    .option('--gpu-mem-burst <amount>', 'ceiling above --gpu-mem, while others leave it free')
    .option('--gpu-cores <percent>', 'compute, whole percent')
    .option('--soft', 'may also use compute that nobody else uses')
    .option('--device <uuid>', 'this device; default: the first with room')
    .option('--name <name>', 'of the slice; default: from the command')
    .option('--json', 'say on stderr in JSON what was given')
    .addHelpText('after', EXAMPLES)
    .action(async (command: readonly string[], flags: RunFlags) => run(command, flags, io));
}

interface Given {
  readonly record: SliceRecord;
  readonly folder: string;
  readonly folders: SliceFolders;
}

async function run(command: readonly string[], flags: RunFlags, io: Io): Promise<void> {
  const wish = readWish(flags);
  const name = nameOf(flags, command, randomBytes(2).toString('hex'));
  if ((io.env.KERF_SLICE ?? '') !== '')
    throw new Refused(`this is slice ${io.env.KERF_SLICE} already: slices do not nest`);
  if (flags.soft === true && wish.cores === 0)
    throw new Misused('--soft is given without --gpu-cores: want a share to borrow beyond');
  const libraries = libraryFolder(io.env);
  const devices = await readDevices();
  const folders = sliceFolders(io.env, uid());
  makeOwnFolder(folders.own, uid());
  const given = await locked(folders.own, () =>
    give({ devices, wish, folders, name, command, isSoft: flags.soft === true }),
  );
  try {
    const started = await enter(given, libraries, io);
    tell(given.record, flags, io);
    throw new Ended(await attend(given, started));
  } finally {
    await locked(folders.own, () => leave(given));
  }
}

const uid = (): number => process.getuid?.() ?? 0;

async function readDevices(): Promise<readonly DeviceReading[]> {
  const driver = openDrivers();
  try {
    return (await driver.read()).filter(({ isHealthy }) => isHealthy);
  } catch (fault) {
    throw new Error(`no device can be used on this machine: ${reasonOf(fault)}`);
  } finally {
    await driver.close();
  }
}

interface Asked {
  readonly devices: readonly DeviceReading[];
  readonly wish: WishHere;
  readonly folders: SliceFolders;
  readonly name: string;
  readonly command: readonly string[];
  readonly isSoft: boolean;
}

async function give({ devices, wish, folders, name, command, isSoft }: Asked): Promise<Given> {
  sweepSlices(folders.own);
  const folder = join(folders.own, name);
  if (existsSync(folder)) throw new Refused(`slice ${name} runs already: want another --name`);
  const held = runningSlices(folders).map(({ record }) => record);
  const placed = placeHere(devices, held, wish);
  if (!placed.ok) throw new Refused(placed.error);
  const device = devices.find(({ id }) => id === placed.value.deviceId);
  const record: SliceRecord = {
    ...placed.value,
    name,
    model: device?.model ?? '',
    deviceMemory: device?.memory ?? placed.value.ceiling,
    isSoft,
    command,
    pid: process.pid,
    startTicks: startTicksOf(process.pid),
    mountNamespace: '',
    startedAtMs: Date.now(),
  };
  makeSlice(folder, record, preloadText());
  divideBursts(folders);
  return { record, folder, folders };
}

async function enter({ record, folder, folders }: Given, libraries: string, io: Io): Promise<Started> {
  const env = { ...io.env, KERF_SLICE: record.name };
  const started = await startCommand({
    slice: folder,
    libraries,
    state: folders.own,
    region: regionIn(folder),
    isRoot: uid() === 0,
    deviceId: record.deviceId,
    command: record.command,
    env,
  });
  const { pid, mountNamespace } = started;
  // One that has ended already leaves the record to us.
  const startTicks = startTicksOf(pid);
  await locked(folders.own, () => writeStarted(folder, { pid, startTicks, mountNamespace }));
  return started;
}

function tell(record: SliceRecord, flags: RunFlags, io: Io): void {
  const { name, deviceId, model, ceiling, guaranteed, cores } = record;
  const told = {
    slice: name,
    device: deviceId,
    model,
    memoryMiB: guaranteed,
    burstMiB: ceiling,
    corePercent: cores / 10,
  };
  if (flags.json === true) return io.err(JSON.stringify(told));
  const burst = ceiling > guaranteed ? `, up to ${mibText(ceiling)}` : '';
  const compute = cores > 0 ? `${cores / 10} % of its compute` : 'no compute limit';
  io.err(`kerf: slice ${name}: ${mibText(guaranteed)}${burst} of ${model} ${deviceId}, ${compute}`);
}

/** Until the command has ended; meanwhile burst memory is divided anew each second. */
async function attend({ folders }: Given, { status }: Started): Promise<number> {
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy || !hasBursts(folders)) return;
    isBusy = true;
    void locked(folders.own, () => divideBursts(folders))
      .catch(() => undefined)
      .finally(() => {
        isBusy = false;
      });
  }, BURST_MS);
  return status.finally(() => clearInterval(timer));
}

/** The slice stays as long as the command's children live in it. */
async function leave({ folder, folders }: Given): Promise<void> {
  if (!isLeft(folder)) removeSlice(folder);
  divideBursts(folders);
}
