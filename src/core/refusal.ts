// SPDX-License-Identifier: Apache-2.0
import type { MiB, MilliCores } from './units.js';

/** Would evicting somebody help? */
export type Curable = 'by-preemption' | 'never';

/** Why one device cannot serve. */
export type DeviceRefusal =
  | { readonly kind: 'Unhealthy'; readonly reason: string }
  | { readonly kind: 'Cordoned' }
  | { readonly kind: 'WrongModel' }
  | { readonly kind: 'WrongDevice' }
  | { readonly kind: 'TooSmall'; readonly have: MiB; readonly want: MiB }
  | { readonly kind: 'TooWeak'; readonly have: MilliCores; readonly want: MilliCores }
  | { readonly kind: 'NoCut' }
  | { readonly kind: 'MemoryShort'; readonly free: MiB; readonly want: MiB }
  | { readonly kind: 'CoresShort'; readonly free: MilliCores; readonly want: MilliCores }
  | { readonly kind: 'SlicesShort'; readonly splits: number }
  | { readonly kind: 'HeldExclusively' }
  | { readonly kind: 'NotEmpty' };

/** Why one node cannot serve. `devices` says it per device where devices were asked. */
export type NodeRefusal =
  | { readonly kind: 'UnknownNode' }
  | { readonly kind: 'NoDevices' }
  | { readonly kind: 'InventoryUnreadable'; readonly detail: string }
  | { readonly kind: 'HeldByUnreadablePlacement'; readonly pod: string }
  | { readonly kind: 'TooFewDevices'; readonly have: number; readonly want: number }
  | {
      readonly kind: 'NoDeviceFits';
      readonly want: number;
      readonly fit: number;
      readonly devices: Readonly<Record<string, DeviceRefusal>>;
    }
  | {
      readonly kind: 'NumaShort';
      readonly want: number;
      /** NUMA node → devices that fit there; those that do not tell theirs are not counted. */
      readonly fit: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'NoSlots'; readonly want: number }
  | { readonly kind: 'SlotsShort'; readonly have: number; readonly free: number; readonly want: number }
  | { readonly kind: 'InitOnlyInFlight'; readonly pod: string }
  | { readonly kind: 'BadRequest'; readonly sentence: string };

export type Refusal = DeviceRefusal | NodeRefusal;
