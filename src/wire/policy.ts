// SPDX-License-Identifier: Apache-2.0
// Letter: the ConfigMap that carries the policy document, as the API server sends it. What its text means is read
// behind the wall (adapters/policy), for that takes a YAML parser.
import { isRecord } from './json.js';
import { POLICY_KEY } from './names.js';

export interface PolicyLetter {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** YAML as it was written; null where the ConfigMap lacks the key. */
  readonly text: string | null;
}

/** Total, as wire/pod-view. */
export function readPolicyLetter(raw: unknown): PolicyLetter {
  const { metadata, data } = recordOf(raw);
  const { namespace, name, uid, resourceVersion } = recordOf(metadata);
  const text = recordOf(data)[POLICY_KEY];
  return {
    namespace: textOf(namespace),
    name: textOf(name),
    uid: textOf(uid),
    resourceVersion: textOf(resourceVersion),
    text: typeof text === 'string' ? text : null,
  };
}

const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
