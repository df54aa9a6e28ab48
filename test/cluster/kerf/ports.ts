// SPDX-License-Identifier: Apache-2.0
// Where our programs listen when they run as processes in a test cluster. All nodes share one network namespace,
// so the node programs' ports are shifted by the node's number.

export const EXTENDER_PORT = 9480;
export const WEBHOOK_PORT = 9443;

const numberOf = (node: string): number => Number(node.slice(1));

export const pluginPort = (node: string): number => 9500 + numberOf(node);
export const amdPluginPort = (node: string): number => 9700 + numberOf(node);
export const monitorPort = (node: string): number => 9600 + numberOf(node);
