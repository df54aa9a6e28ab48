// SPDX-License-Identifier: Apache-2.0
// What the monitor has of the cluster, where there is one: a way to the API server, and the policy document.
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';
import { createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.js';
import { loadCredentials } from '../../adapters/kubernetes/credentials.js';
import { watchPolicy } from '../../adapters/kubernetes/policy-watch.js';
import { editOf } from '../../adapters/policy/edit.js';
import { type NodeRuling, nodeRulingsOf } from '../../core/node-rules.js';
import { NO_POLICY } from '../../core/policy-document.js';
import { DEFAULT_RULES } from '../../core/policies.js';
import { PolicyInForce } from '../../scheduling/policy.js';
import type { MonitorOptions } from './options.js';
import type { LivePolicy } from './part.js';

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
/** A few Events now and then. */
const CONNECTIONS = 2;
const BACKOFF_MAX_MS = 10_000;

/** undefined: nobody said which cluster. One that was said and cannot be read is a fault. */
export function openCluster({ kubeconfig }: MonitorOptions): KubeClient | undefined {
  const isSaid = kubeconfig !== undefined || Boolean(process.env.KUBECONFIG) || existsSync(TOKEN);
  if (!isSaid) return undefined;
  const credentials = loadCredentials(kubeconfig);
  return createKubeClient({ credentials, agent: 'kerf-monitor', connections: CONNECTIONS });
}

interface PolicyJoint {
  readonly options: MonitorOptions;
  readonly client: KubeClient | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Live from now on; the mildest ruling for all where there is no cluster, or no document yet. */
export function followPolicy(joint: PolicyJoint): LivePolicy & { stop(): void } {
  const { client, clock, log, options } = joint;
  const [namespace = '', name = ''] = options.policyConfigmap.split('/');
  const inForce = new PolicyInForce(DEFAULT_RULES);
  let rulingFor: (namespace: string) => NodeRuling = nodeRulingsOf(NO_POLICY);
  const watch =
    client &&
    watchPolicy({
      ...{ client, clock, namespace, name, backoffMaxMs: BACKOFF_MAX_MS },
      onLetter(letter) {
        const news = inForce.see(editOf(letter));
        if (news === null) return;
        rulingFor = nodeRulingsOf(inForce.document);
        log.info({ outcome: news.kind, sentence: news.sentence }, 'policy');
      },
      onFault(fault, retryMs) {
        const reason = fault instanceof Error ? fault.message : String(fault);
        log.warn({ watch: 'policy', retryMs, reason }, 'watch failed');
      },
    });
  return {
    rulingFor: (of) => rulingFor(of),
    stop: () => watch?.reflector.stop(),
  };
}
