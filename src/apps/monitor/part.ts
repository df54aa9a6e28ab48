// SPDX-License-Identifier: Apache-2.0
// The monitor is made of parts that know nothing of each other: the door starts them with one context, serves what
// they tell, and stops them.
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';
import type { Routes } from '../../adapters/http/routes.js';
import type { KubeClient } from '../../adapters/kubernetes/client.js';
import type { Driver } from '../../adapters/probes/driver.js';
import type { SlotsClient } from '../../adapters/plugin/slots-client.js';
import type { NodeRuling } from '../../core/node-rules.js';
import type { Drift } from '../../observing/escape.js';
import type { Family } from '../../observing/metrics.js';
import type { MonitorOptions } from './options.js';

/** What the policy document says of running pods, as of the moment it is asked. */
export interface LivePolicy {
  rulingFor(namespace: string): NodeRuling;
}

/** Holds a slot, by its name, to almost no compute and to the memory it has, until it is released. */
export interface Clamps {
  clamp(slot: string, reason: string): void;
  release(slot: string): void;
}

/** What one part has found and another shows. */
export interface Board {
  /** Of the reconciler's last look. */
  drifts: readonly Drift[];
}

export interface Context {
  readonly options: MonitorOptions;
  /** Name of the Node. */
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly driver: Driver;
  readonly plugin: SlotsClient;
  /** Absent where there is no cluster to ask. */
  readonly client?: KubeClient;
  readonly policy: LivePolicy;
  /** The arbiter, who alone writes what pages say from moment to moment. */
  readonly clamps: Clamps;
  readonly board: Board;
}

export interface Part {
  /** For /metrics, as of now. No two parts tell the same metric. */
  families?(): readonly Family[] | Promise<readonly Family[]>;
  readonly routes?: Routes;
  stop(): Promise<void> | void;
}
