// SPDX-License-Identifier: Apache-2.0

/** Inventory mode of a device that is itself a part, cut off by its driver: given whole. */
export const INSTANCE_MODE = 'instance';

/** Names of one vendor's extended resources. The first of a list is ours, the others are accepted synonyms. */
export interface ResourceNames {
  /** Distinct devices. The only one the kubelet knows: its units are slots. */
  readonly count: string;
  /** MiB per device, or bytes from 2^20 on (that is what `16Gi` means to the API server). */
  readonly memory: readonly string[];
  /** 1..100 percent of each device's memory. */
  readonly memoryPercentage: readonly string[];
  /** 0..100 percent of each device's compute. */
  readonly cores: readonly string[];
  /** 0 high, 1 low. */
  readonly priority: string;
}

/** One size of a model's list: MiB and percent-free thousandths of the device's compute, rounded down. */
export interface Template {
  readonly name: string;
  readonly memoryMiB: number;
  readonly milliCores: number;
}

/**
 * How a device may be cut. A model (matched whole, in any case) that its list does not name is given whole only.
 *   any        anywhere: MiB and percent
 *   templates  these sizes and the device whole
 *   profiles   these sizes alone, and nothing of an unnamed model: the driver gives no whole device in this mode
 *   units      memory anywhere, compute in whole units; the model's number of units
 */
export type CutRule =
  | { readonly kind: 'any' }
  | {
      readonly kind: 'templates' | 'profiles';
      readonly models: Readonly<Record<string, readonly Template[]>>;
    }
  | { readonly kind: 'units'; readonly models: Readonly<Record<string, number>> };

/** Annotations of other projects that mean the same as ours. Key: theirs, value: ours (wire/names). */
export type AnnotationSynonyms = Readonly<Record<string, string>>;

/** Pod annotations in which HAMi writes what it gave out of a vendor's devices (wire/hami-placement). */
export interface NeighbourKeys {
  /** Kept for the pod's life. */
  readonly allocated: string;
  /** Emptied while its plugin hands the devices out. */
  readonly toAllocate: string;
}

/** What differs between vendors, as data. */
export interface Vendor {
  readonly name: string;
  /** Shown to people. */
  readonly title: string;
  /** False: known, and left alone until the cluster switches it on (values `vendors.<name>.enabled`). */
  readonly isOnByDefault: boolean;
  readonly resources: ResourceNames;
  /** MiB that one unit of a plain number of the memory resource stands for. */
  readonly memoryUnitMiB: number;
  readonly cuts: CutRule;
  /** Cuts of a device that its inventory calls to be in another mode than the everyday one. */
  readonly modes: Readonly<Record<string, CutRule>>;
  /** Which of the vendor's libraries tells how devices are linked. */
  readonly topology: 'nvml' | 'dcmi' | 'amdsmi';
  /** Whose format its inventory annotation has. */
  readonly letter: 'kerf';
  /** What holds a container to its slice; `off`: nothing of ours yet. */
  readonly enforcement: 'library' | 'off';
  /** True when our node agent can serve its devices. */
  readonly hasAgent: boolean;
  readonly annotations: AnnotationSynonyms;
  /** null: HAMi calls the vendor's resources otherwise than this row, so none of its pods ask for them. */
  readonly neighbour: NeighbourKeys | null;
  /** Env that selects devices in the vendor's runtime; a pod that asks for a slice may not set it. */
  readonly visibleDevicesEnv: string;
  /** Files of the driver that a library of ours can stand for, by soname. */
  readonly coveredBy?: Readonly<Record<string, string>>;
  /** CDI kind of the vendor's own spec, whose edits for a device are merged into the slot's. */
  readonly cdiKind: string;
  /** Device nodes a container needs where the vendor ships no CDI spec; `{minor}` is the device's. Those absent are skipped. */
  readonly deviceNodes: {
    readonly each: string;
    readonly common: readonly string[];
    readonly instances?: InstanceNodes;
  };
}

/** Device nodes of an instance beside its device's. */
export interface InstanceNodes {
  /** In the node's /proc: a name and a number a line. */
  readonly list: string;
  readonly each: string;
  /** Names to look up, with `{minor}` of the device, `{gpu}` and `{compute}` of the instance. */
  readonly names: readonly string[];
}
