// SPDX-License-Identifier: Apache-2.0
// Which devices the kernel knows, cheaply: NVML itself never tells of one that came after it was opened.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Of the driver, in the node's /proc: a folder per device. */
const DRIVER_LIST = 'driver/nvidia/gpus';
const DEVICE_NODE = /^nvidia\d+$/;
/** Where the nodes of MIG instances are made. */
const INSTANCE_NODES = 'nvidia-caps';

export interface KernelFolders {
  /** The node's /proc. */
  readonly procDir: string;
  /** Where device nodes are made. */
  readonly deviceDir: string;
}

/** Changes when a device or an instance of one comes or goes. */
export function kernelMark({ procDir, deviceDir }: KernelFolders): string {
  const nodes = namesIn(deviceDir).filter((name) => DEVICE_NODE.test(name));
  const instances = namesIn(join(deviceDir, INSTANCE_NODES));
  return [...namesIn(join(procDir, DRIVER_LIST)), ...nodes, ...instances].sort().join(' ');
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // No driver, or a kernel that does not list them there.
    return [];
  }
}
