// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterShape } from './options.js';
import { isAlive, type Pid } from './pids.js';

/** Where the API server and its neighbours listen. Fixed inside a network namespace, free ports outside one. */
export interface Addresses {
  readonly bind: string;
  /** How everybody inside calls the API server. */
  readonly advertise: string;
  readonly api: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly controllers: number;
  readonly scheduler: number;
}

export interface NodeState {
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  readonly init: Pid;
}

/** cluster.json: all that another process needs to know about a cluster. */
export interface ClusterState {
  readonly shape: ClusterShape;
  readonly binDir: string;
  readonly addresses: Addresses;
  /** First process of the namespaces; absent where the cluster runs without any (not root). */
  readonly init?: Pid;
  readonly nodes: readonly NodeState[];
  /** Port on 127.0.0.1 of the outer machine that leads to the API server. */
  readonly outsidePort: number;
  /** Set at the end of `up`: without it the state is what a killed run left. */
  readonly ready: boolean;
}

const fileOf = (stateDir: string): string => join(stateDir, 'cluster.json');

export function readState(stateDir: string): ClusterState | undefined {
  if (!existsSync(fileOf(stateDir))) return undefined;
  return JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as ClusterState;
}

export function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function writeState(stateDir: string, state: ClusterState): void {
  mkdirSync(stateDir, { recursive: true });
  writeWhole(fileOf(stateDir), JSON.stringify(state, null, 2));
}

export function isRunningState(state: ClusterState): boolean {
  return state.ready && (state.init === undefined || isAlive(state.init));
}
