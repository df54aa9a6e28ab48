// SPDX-License-Identifier: Apache-2.0
// Would the pod fit if it said otherwise where and beside whom its slices may sit? Only musts keep a pod out, but for
// containers of one pod that take each other's devices.
import { DEVICE_POLICIES, DEVICE_POLICY_NAMES } from '../core/policies.js';
import type { DevicePolicy, PodRequest } from '../core/request.js';
import { DEVICE_POLICY, NUMA } from '../wire/names.js';
import { devicePolicyText } from '../wire/policy-text.js';

/** One thing to say otherwise. */
export interface Saying {
  /** As annotations of the pod. */
  readonly text: string;
  readonly request: PodRequest;
}

/** What the pod may say instead, the nearest to what it says first; `now` is what holds for it. */
export function otherSayings(request: PodRequest, now: DevicePolicy): readonly (readonly Saying[])[] {
  const numa = request.numa === 'required' ? [preferring(request)] : [];
  const policies = otherPolicies(now).map((policy) => following(request, policy));
  const both = numa.flatMap((said) =>
    policies.map((other) => joined(said, following(said.request, other.policy))),
  );
  return [numa, policies, both];
}

const preferring = (request: PodRequest): Saying => ({
  text: `${NUMA}: preferred`,
  request: { ...request, numa: 'preferred' },
});

const following = (
  request: PodRequest,
  policy: DevicePolicy,
): Saying & { readonly policy: DevicePolicy } => ({
  text: `${DEVICE_POLICY}: ${devicePolicyText(policy)}`,
  request: { ...request, devicePolicy: policy },
  policy,
});

const joined = (first: Saying, { text, request }: Saying): Saying => ({
  text: `${first.text} and ${text}`,
  request,
});

/** Its own containers let in, then others too, then every policy that lets anybody in. */
function otherPolicies(now: DevicePolicy): readonly DevicePolicy[] {
  const isMust = (name: DevicePolicy[number]): boolean => DEVICE_POLICIES[name].company !== undefined;
  const open = now.filter((name) => !isMust(name));
  const softer: readonly DevicePolicy[] = [
    ...(now.includes('exclusive') ? [['mutex', ...open] as const] : []),
    ...(open.length > 0 && open.length < now.length ? [open] : []),
  ];
  const alone = DEVICE_POLICY_NAMES.filter((name) => !isMust(name) && !(now.length === 1 && now[0] === name));
  return [...softer, ...alone.map((name) => [name])];
}
