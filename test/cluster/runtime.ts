// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage, busyboxImage, type ImageRecipe, pauseImage, workloadImage } from './images.js';
import { CRI_SOCKET } from './node.js';
import { cacheDir } from './paths.js';
import { until } from './pids.js';
import { execIn, type Place, tail } from './programs.js';

/** The images every node has. */
export function standardImages(
  binDir: string,
  workloadFiles: Readonly<Record<string, string>>,
): ImageRecipe[] {
  return [pauseImage(join(binDir, 'init')), busyboxImage(), workloadImage(workloadFiles)];
}

export const imageCache = (): string => join(cacheDir(), 'images');

export async function waitForRuntime(place: Place, node: string): Promise<void> {
  const ctr = [join(place.binDir, 'ctr'), '-a', CRI_SOCKET, 'version'];
  const isUp = await until(async () => (await execIn(place, { node, argv: ctr })).code === 0, 30_000, 100);
  if (!isUp)
    throw new Error(
      `containerd of ${node} did not start: ${tail(join(place.stateDir, `logs/containerd-${node}.log`))}`,
    );
}

/** Puts an archive (docker or OCI, a path every namespace sees) into a node's image store. */
export async function importArchive(place: Place, node: string, archive: string): Promise<void> {
  if (!existsSync(archive)) throw new Error(`there is no image archive ${archive}`);
  const argv = [join(place.binDir, 'ctr'), '-a', CRI_SOCKET, '-n', 'k8s.io', 'images', 'import', archive];
  const output = await execIn(place, { node, argv });
  if (output.code !== 0)
    throw new Error(`${archive} could not be imported into ${node}: ${output.stderr.trim()}`);
}

/** Builds an image and puts it into one node, or into all. */
export async function importImage(place: Place, node: string | 'all', image: ImageRecipe): Promise<void> {
  const archive = await buildImage(image, imageCache());
  const targets = node === 'all' ? place.nodes.map((each) => each.name) : [node];
  await Promise.all(targets.map((target) => importArchive(place, target, archive)));
}
