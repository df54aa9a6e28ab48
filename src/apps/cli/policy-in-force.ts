// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '../../adapters/kubernetes/client.js';
import { readPolicy } from '../../adapters/policy/read.js';
import { NO_POLICY, type PolicyDocument } from '../../core/policy-document.js';
import { NAMESPACE, POLICY_CONFIGMAP } from '../../wire/names.js';
import { readPolicyLetter } from '../../wire/policy.js';

/** The cluster's document; an empty one where it cannot be read: whoever asks may lack the right, and sees what is there. */
export async function policyOf(client: KubeClient): Promise<PolicyDocument> {
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps/${POLICY_CONFIGMAP}`;
  try {
    const { text } = readPolicyLetter(JSON.parse(await client.send({ method: 'GET', path })));
    const read = readPolicy(text ?? '');
    return read.ok ? read.value : NO_POLICY;
  } catch {
    return NO_POLICY;
  }
}
