// SPDX-License-Identifier: Apache-2.0
// The one ConfigMap with the policy document, watched by its name: the account may read no other.
import { type PolicyLetter, readPolicyLetter } from '../../wire/policy.js';
import type { Clock } from '../clock.js';
import type { KubeClient } from './client.js';
import { KubeFault } from './fault.js';
import { type Reflector, startReflector } from './reflector.js';

export interface PolicyWatchOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  /** What stands there now; null where there is no such ConfigMap. */
  readonly onLetter: (letter: PolicyLetter | null) => void;
  readonly onFault: (fault: unknown, retryMs: number) => void;
  readonly backoffMaxMs?: number;
}

export interface PolicyWatch {
  readonly reflector: Reflector;
  /** It is known what stands there, or that we may not know. */
  readonly isSettled: () => boolean;
  readonly settled: Promise<void>;
}

/** The API server was asked and said no: it will not say yes in a moment, and pods wait. */
const DENIED: readonly number[] = [401, 403, 404];

export function watchPolicy(options: PolicyWatchOptions): PolicyWatch {
  const { client, clock, namespace, name, onLetter, onFault, backoffMaxMs } = options;
  let isDenied = false;
  let markDenied: () => void = () => {};
  const denied = new Promise<void>((resolve) => {
    markDenied = resolve;
  });
  const reflector = startReflector<PolicyLetter>({
    client,
    clock,
    ...(backoffMaxMs === undefined ? {} : { backoffMaxMs }),
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`,
    query: { fieldSelector: `metadata.name=${name}` },
    project: readPolicyLetter,
    listener: {
      onReplace: (letters) => onLetter(letters[0] ?? null),
      onUpsert: onLetter,
      onDelete: () => onLetter(null),
      onFault(fault, retryMs) {
        if (fault instanceof KubeFault && DENIED.includes(fault.status)) {
          isDenied = true;
          markDenied();
        }
        onFault(fault, retryMs);
      },
    },
  });
  return {
    reflector,
    isSettled: () => reflector.isSynced || isDenied,
    settled: Promise.race([reflector.synced, denied]),
  };
}
