// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { grantedOf } from '../../../observing/granted.js';
import { VENDORS } from '../../../vendors/index.js';
import { devicesFrame } from '../devices-frame.js';
import { type Io, Refused } from '../io.js';
import { type KubeOptions, listAll, openKube } from '../kube.js';
import { linksFrame } from '../links-frame.js';
import { policyOf } from '../policy-in-force.js';

interface DevicesOptions extends KubeOptions {
  readonly json?: boolean;
  readonly links?: boolean;
}

const EXAMPLES = `
Examples:
  kerf devices                        memory, cores and slices granted on each device
  kerf devices --links                how the devices of each node are linked, and their NUMA nodes
  kerf devices --json | jq '.[] | {node, free: [.devices[] | .memoryMiB - .grantedMiB]}'
`;

export function addDevices(program: Command, io: Io): void {
  program
    .command('devices')
    .description('Devices of all nodes, and what is granted of each.')
    .option('--links', 'how devices are linked instead: SYS, NODE, PHB, PXB, PIX, PSB, or NVn for n NVLinks')
    .option('--json', 'all of it as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => devices(command.optsWithGlobals<DevicesOptions>(), io));
}

async function devices(options: DevicesOptions, io: Io): Promise<void> {
  const { client } = openKube(options);
  const [nodes, pods, overcommit] = await Promise.all([
    listAll<unknown>(client, '/api/v1/nodes'),
    listAll<unknown>(client, '/api/v1/pods'),
    policyOf(client).then((document) => document.overcommit ?? []),
  ]);
  const granted = grantedOf({ nodes, pods, overcommit }, VENDORS);
  if (options.json === true) return io.out(JSON.stringify(granted, null, 2));
  if (granted.length === 0)
    throw new Refused('no node has announced devices: is the device plugin running on a node that has some?');
  io.out((options.links === true ? linksFrame : devicesFrame)(granted, io.hasColour));
}
