// SPDX-License-Identifier: Apache-2.0
// The one write that answers a resize: placement, echo and condition together, through pods/status. There nothing of a
// pod's spec can be changed, so that is all the scheduler needs to be allowed; the API server takes annotations along.
import type { Quota } from '../../core/quota.js';
import type { ResizeWrite, ResizeWrites } from '../../scheduling/ports.js';
import { PLACEMENT, RESIZED } from '../../wire/names.js';
import { RESIZED_CONDITION } from '../../wire/resize.js';
import { readQuotas } from '../../wire/resource-quota.js';
import type { Clock } from '../clock.js';
import { outcomeOf, podPath } from './binder.js';
import type { KubeClient } from './client.js';

/** Merges lists by their keys: of the conditions only ours is touched. */
const MERGE = 'application/strategic-merge-patch+json';

export function createResizeWriter(client: KubeClient, clock: Clock): ResizeWrites {
  return {
    async write(write) {
      const body = bodyOf(write, new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'));
      const path = `${podPath(write)}/status`;
      try {
        await client.send({ method: 'PATCH', path, body, contentType: MERGE });
        return { kind: 'written' };
      } catch (fault) {
        return outcomeOf(fault);
      }
    },
  };
}

/** What a namespace may have; asked when somebody in it wants more. Throws a Fault where nobody answers. */
export function createQuotaReader(client: KubeClient): (namespace: string) => Promise<readonly Quota[]> {
  return async (namespace) => {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/resourcequotas`;
    return readQuotas(await client.send({ method: 'GET', path }));
  };
}

/** UID and resourceVersion are preconditions: a pod made again, or changed meanwhile, is a conflict. */
function bodyOf(write: ResizeWrite, now: string): string {
  const { uid, resourceVersion, placement, echo, isResized, reason, message } = write;
  const annotations = { [RESIZED]: echo, ...(placement === null ? {} : { [PLACEMENT]: placement }) };
  const condition = {
    ...{ type: RESIZED_CONDITION, status: isResized ? 'True' : 'False', reason, message },
    lastTransitionTime: now,
  };
  return JSON.stringify({
    metadata: { uid, resourceVersion, annotations },
    status: { conditions: [condition] },
  });
}
