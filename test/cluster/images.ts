// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from './shell.js';

const REPOSITORY = 'docker.io/library';

export const PAUSE_IMAGE = `${REPOSITORY}/pause:test`;
/** busybox, statically linked. */
export const BUSYBOX_IMAGE = `${REPOSITORY}/busybox:test`;
/** glibc of this machine, busybox, and the files a test adds. */
export const WORKLOAD_IMAGE = `${REPOSITORY}/kerf-workload:test`;

/** One image: what lies in it and how it starts. */
export interface ImageRecipe {
  /** Full name with repository and tag, e.g. `docker.io/library/kerf-workload:test`. */
  readonly name: string;
  /** Path on this machine → absolute path in the image. */
  readonly files?: Readonly<Record<string, string>>;
  /** Path in the image → what the link says. */
  readonly links?: Readonly<Record<string, string>>;
  readonly dirs?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const BUSYBOX_FILES = { '/usr/bin/busybox': '/bin/busybox' };
const APPLETS = [
  'sh',
  'ls',
  'cat',
  'env',
  'echo',
  'sleep',
  'wget',
  'nc',
  'grep',
  'ps',
  'id',
  'kill',
  'true',
  'false',
  'mount',
  'touch',
  'rm',
  'mkdir',
  'tail',
  'head',
  'sed',
  'awk',
  'seq',
  'date',
  'stat',
  'chmod',
  'ln',
  'cp',
  'mv',
  'df',
  'du',
  'wc',
  'sort',
  'timeout',
  'httpd',
  'ip',
  'dd',
  'hostname',
  'test',
];
const BUSYBOX_LINKS = Object.fromEntries(APPLETS.map((applet) => [`/bin/${applet}`, 'busybox']));
const DIRS = ['/tmp', '/etc', '/proc', '/sys', '/dev', '/run', '/var', '/root'];
const ETC = { '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n', '/etc/group': 'root:x:0:\n' };

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const GLIBC = [
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'librt.so.1',
  'libgcc_s.so.1',
  'libstdc++.so.6',
];
const LIB_DIR = '/lib/x86_64-linux-gnu';

export function pauseImage(initBinary: string): ImageRecipe {
  return { name: PAUSE_IMAGE, files: { [initBinary]: '/pause' }, entrypoint: ['/pause'] };
}

export function busyboxImage(): ImageRecipe {
  return { name: BUSYBOX_IMAGE, files: BUSYBOX_FILES, links: BUSYBOX_LINKS, dirs: DIRS, cmd: ['sh'] };
}

/** What a usual program finds in a usual image: the C library of a distribution, dynamically linked. */
export function workloadImage(extra: Readonly<Record<string, string>>, name = WORKLOAD_IMAGE): ImageRecipe {
  const present = GLIBC.map((library) => `${LIB_DIR}/${library}`).filter((file) => existsSync(file));
  const glibc = Object.fromEntries([LOADER, ...present].map((file) => [file, file]));
  return { ...busyboxImage(), name, files: { ...BUSYBOX_FILES, ...glibc, ...extra } };
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** Two recipes with the same key make the same image. */
function keyOf(recipe: ImageRecipe): string {
  const hash = createHash('sha256').update(JSON.stringify(recipe));
  for (const path of Object.keys(recipe.files ?? {}).sort()) hash.update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
}

/** Builds a docker-archive that `ctr images import` takes; answers its path. Built once for the same content. */
export async function buildImage(recipe: ImageRecipe, cache: string): Promise<string> {
  const archive = join(cache, `${sha256(recipe.name).slice(0, 8)}-${keyOf(recipe)}.tar`);
  if (existsSync(archive)) return archive;
  const work = `${archive}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  layRootfs(recipe, join(work, 'rootfs'));
  const layer = join(work, 'layer.tar');
  await must([
    'tar',
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    '--sort=name',
    '-C',
    join(work, 'rootfs'),
    '-cf',
    layer,
    '.',
  ]);
  const config = imageConfig(recipe, sha256(readFileSync(layer)));
  const manifest = [{ Config: 'config.json', RepoTags: [recipe.name], Layers: ['layer.tar'] }];
  writeFileSync(join(work, 'config.json'), JSON.stringify(config));
  writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
  await must(['tar', '-C', work, '-cf', `${work}.tar`, 'manifest.json', 'config.json', 'layer.tar']);
  renameSync(`${work}.tar`, archive);
  rmSync(work, { recursive: true, force: true });
  return archive;
}

const entriesOf = (paths: Readonly<Record<string, string>> = {}): [string, string][] => Object.entries(paths);

function layRootfs(recipe: ImageRecipe, rootfs: string): void {
  const at = (path: string): string => {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    return join(rootfs, path);
  };
  if (recipe.dirs) layBase(recipe.dirs, at);
  for (const [from, to] of entriesOf(recipe.files)) copyFileSync(from, at(to));
  for (const [path, target] of entriesOf(recipe.links)) symlinkSync(target, at(path));
}

/** The folders and the two files that programs expect of a distribution. */
function layBase(dirs: readonly string[], at: (path: string) => string): void {
  for (const dir of dirs) mkdirSync(at(dir), { recursive: true });
  chmodSync(at('/tmp'), 0o1777);
  for (const [path, text] of entriesOf(ETC)) writeFileSync(at(path), text);
}

function imageConfig(recipe: ImageRecipe, layerDigest: string): object {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', ...recipe.env };
  return {
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config: {
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      ...(recipe.entrypoint ? { Entrypoint: recipe.entrypoint } : {}),
      ...(recipe.cmd ? { Cmd: recipe.cmd } : {}),
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
    history: [],
  };
}
