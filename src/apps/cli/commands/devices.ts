// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { grantedOf } from '../../../observing/granted.js';
import { VENDORS } from '../../../vendors/index.js';
import { devicesFrame } from '../devices-frame.js';
import { type Io, Refused } from '../io.js';
import { type KubeOptions, listAll, openKube } from '../kube.js';

interface DevicesOptions extends KubeOptions {
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  kerf devices                        memory, cores and slices granted on each device
  kerf devices --json | jq '.[] | {node, free: [.devices[] | .memoryMiB - .grantedMiB]}'
`;

export function addDevices(program: Command, io: Io): void {
  program
    .command('devices')
    .description('Devices of all nodes, and what is granted of each.')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => devices(command.optsWithGlobals<DevicesOptions>(), io));
}

async function devices(options: DevicesOptions, io: Io): Promise<void> {
  const { client } = openKube(options);
  const [nodes, pods] = await Promise.all([
    listAll<unknown>(client, '/api/v1/nodes'),
    listAll<unknown>(client, '/api/v1/pods'),
  ]);
  const granted = grantedOf({ nodes, pods }, VENDORS);
  if (options.json === true) return io.out(JSON.stringify(granted, null, 2));
  if (granted.length === 0)
    throw new Refused('no node has announced devices: is the device plugin running on a node that has some?');
  io.out(devicesFrame(granted, io.hasColour));
}
