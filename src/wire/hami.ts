// SPDX-License-Identifier: Apache-2.0
// Facts of HAMi 2.10 that Kerf meets in manifests written for it (reference: its docs and sources at 4707fb02).

/** The scheduler its manifests may name. */
export const HAMI_SCHEDULER = 'hami-scheduler';

/** Env by which its users lift its limits; it lifts nothing here. */
export const DISABLE_ENV = 'CUDA_DISABLE_CONTROL';

/** Its words for what ours say otherwise, by its annotation; an empty one says nothing. */
export const HAMI_WORDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'hami.io/gpu-scheduler-policy': { 'topology-aware': 'topology' },
  'hami.io/node-scheduler-policy': { 'topology-aware': 'topology' },
  'nvidia.com/numa-bind': { true: 'required', false: '' },
};

/** Its pod annotations without a meaning here yet; those with one are synonyms in the vendors' rows. */
export const UNHONOURED_ANNOTATIONS: readonly string[] = [
  'nvidia.com/vgpu-mode',
  'hami.io/device-scoring-weights',
];
