// SPDX-License-Identifier: Apache-2.0
// From the watched ConfigMap to the policy in force. What becomes of an edit is said three times: in the log, as a
// metric, and as an Event on the ConfigMap.
import type { Logger } from 'pino';
import type { Clock } from '../../adapters/clock.js';
import type { SchedulerRegistry } from '../../adapters/exposition/scheduler-registry.js';
import type { KubeClient } from '../../adapters/kubernetes/client.js';
import { createPolicyEventWriter, type EventWriterOptions } from '../../adapters/kubernetes/events.js';
import { type PolicyWatch, watchPolicy } from '../../adapters/kubernetes/policy-watch.js';
import { editOf } from '../../adapters/policy/edit.js';
import type { PolicyInForce, PolicyNews } from '../../scheduling/policy.js';
import type { PolicyLetter } from '../../wire/policy.js';

export interface PolicyJoint {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SchedulerRegistry;
  readonly events: EventWriterOptions;
  /** Where the document stands: namespace/name. */
  readonly configMap: string;
  readonly inForce: PolicyInForce;
}

/** As for nodes and pods (watches.ts). */
const BACKOFF_MAX_MS = 2_000;

/** Another document is in force whenever `onApplied` is called. */
export function startPolicyWatch(joint: PolicyJoint, onApplied: () => void): PolicyWatch {
  const { client, clock, log, metrics, inForce } = joint;
  const [namespace = '', name = ''] = joint.configMap.split('/');
  const writeEvent = createPolicyEventWriter(joint.events);
  let isFirst = true;
  return watchPolicy({
    ...{ client, clock, namespace, name, backoffMaxMs: BACKOFF_MAX_MS },
    onLetter(letter) {
      const news = inForce.see(editOf(letter));
      metrics.set('policyRefused', inForce.isRefused ? 1 : 0);
      if (news !== null) {
        tell(joint, letter, news);
        // What holds from the start is no news to whoever wrote it; what does not is.
        if (letter !== null && !(isFirst && news.kind === 'PolicyApplied')) writeEvent(letter, news);
        if (news.kind !== 'PolicyRefused') onApplied();
      }
      isFirst = false;
    },
    onFault(fault, retryMs) {
      metrics.count('watchFaults', { watch: 'policy' });
      const reason = fault instanceof Error ? fault.message : String(fault);
      log.warn({ watch: 'policy', retryMs, reason }, 'watch failed');
    },
  });
}

function tell(
  { log, metrics }: PolicyJoint,
  letter: PolicyLetter | null,
  { kind, sentence }: PolicyNews,
): void {
  metrics.count('policyEdits', { outcome: kind });
  const about = { outcome: kind, revision: letter?.resourceVersion ?? '', sentence };
  if (kind === 'PolicyRefused') log.error(about, 'the policy document is refused');
  else log.info(about, 'policy');
}
