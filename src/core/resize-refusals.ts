// SPDX-License-Identifier: Apache-2.0
// Why a resize is refused: one row a kind, and one sentence that says what would be right. The kind is the reason of the
// pod's condition, the sentence its message and the Event's. docs/resize.md is held to this table.
import type { MiB, MilliCores } from './units.js';

interface About {
  readonly container: string;
  readonly device: string;
}

export type ResizeRefusal =
  | { readonly kind: 'BadRequest'; readonly sentence: string }
  | { readonly kind: 'SwitchedOff' }
  | { readonly kind: 'NotPlaced'; readonly detail: string }
  | {
      readonly kind: 'NoSlice';
      readonly container: string;
      readonly vendor: string;
      readonly names: readonly string[];
    }
  | { readonly kind: 'DeviceUnknown'; readonly device: string }
  | { readonly kind: 'DeviceClosed'; readonly device: string }
  | ({ readonly kind: 'WholeDevice' } & About)
  | ({ readonly kind: 'BecomesWhole'; readonly have: MiB } & About)
  | ({ readonly kind: 'FixedCut' } & About)
  | { readonly kind: 'HeldByUnreadablePlacement'; readonly pod: string }
  | ({ readonly kind: 'MemoryShort'; readonly want: MiB; readonly fits: MiB } & About)
  | ({ readonly kind: 'CoresShort'; readonly want: MilliCores; readonly fits: MilliCores } & About)
  | {
      readonly kind: 'QuotaShort';
      readonly quota: string;
      readonly resource: string;
      readonly hard: number;
      readonly want: number;
    };

type Rows = {
  readonly [K in ResizeRefusal['kind']]: (refusal: Extract<ResizeRefusal, { kind: K }>) => string;
};

export const RESIZE_REFUSALS: Rows = {
  BadRequest: ({ sentence }) => sentence,
  SwitchedOff: () =>
    'running pods are not resized in this cluster, whose placements are unguarded: want a new pod with other amounts',
  NotPlaced: ({ detail }) =>
    detail === ''
      ? 'the pod holds no placement of ours: only what Kerf placed can be resized'
      : `the pod's placement is in trouble: ${detail}`,
  NoSlice: ({ container, vendor, names }) =>
    `container ${container} holds no slice of a device of ${vendor}: want one of ${names.join(', ') || 'none'}`,
  DeviceUnknown: ({ device }) =>
    `device ${device} is not announced by the node at the moment: a slice of it can be resized when it is back`,
  DeviceClosed: ({ device }) =>
    `device ${device} is unhealthy or cordoned and gives nothing more: a slice of it can shrink only`,
  WholeDevice: ({ container, device }) =>
    `container ${container} has device ${device} whole and alone: only a part of a device can be resized`,
  BecomesWhole: ({ container, device, have }) =>
    `container ${container} would have all of device ${device}: want less than ${have} MiB and less than 100 % of compute`,
  FixedCut: ({ container, device }) =>
    `container ${container} has a part of device ${device} that its hardware cut: such a part cannot be resized`,
  HeldByUnreadablePlacement: ({ pod }) =>
    `nothing on the node is free: pod ${pod} there has a placement that cannot be read`,
  MemoryShort: ({ container, device, want, fits }) =>
    `memory short on device ${device}: container ${container} wants ${want} MiB, ${fits} MiB would fit`,
  CoresShort: ({ container, device, want, fits }) =>
    `compute short on device ${device}: container ${container} wants ${want / 10} %, ${Math.floor(fits / 10)} % would fit`,
  QuotaShort: ({ quota, resource, hard, want }) =>
    `quota ${quota} allows ${hard} of ${resource} in the namespace, and it would be ${want}`,
};

export function resizeText(refusal: ResizeRefusal): string {
  const text = RESIZE_REFUSALS[refusal.kind] as (refusal: ResizeRefusal) => string;
  return text(refusal);
}
