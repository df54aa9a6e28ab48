// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BUILT = 'native/build/nvml-addon/Release/nvml.node';

/** Beside the bundle in an image; in a checkout seen from dist/, then from here. */
const ADDONS = ['./nvml.node', `../${BUILT}`, `../../../${BUILT}`];

export function addonPath(): string {
  const paths = ADDONS.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? (paths[0] as string);
}
