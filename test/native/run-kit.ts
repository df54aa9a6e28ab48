// SPDX-License-Identifier: Apache-2.0
// `kerf` as a user calls it, on a machine of fake GPUs: real processes, real namespaces.
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ended } from './slice.js';
import { BUILT, type FakeGpu, makeMachine, PATHS, ROOT } from './build.js';

/** Bundled once: a start through tsx costs more than all that is tested here. */
async function bundleKerf(folder: string): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  copyFileSync(PATHS.addon, join(folder, 'nvml.node'));
  const doors = { kerf: 'src/apps/cli/main.ts', 'nvml-child': 'src/adapters/nvml/child.ts' };
  const banner =
    "import { createRequire as kerfRequire } from 'node:module'; const require = kerfRequire(import.meta.url);";
  for (const [name, door] of Object.entries(doors))
    await build({
      entryPoints: [join(ROOT, door)],
      outfile: join(folder, `${name}.js`),
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['*.node', 'koffi'],
      banner: { js: banner },
    });
}

export class Here {
  readonly folder = mkdtempSync(join(tmpdir(), 'kerf-run-'));
  readonly gpus: readonly FakeGpu[];
  readonly state = join(this.folder, 'slices');
  private readonly env: NodeJS.ProcessEnv;
  private readonly children: ChildProcess[] = [];

  static async with(...models: readonly string[]): Promise<Here> {
    const here = new Here(models);
    await bundleKerf(join(here.folder, 'bundle'));
    return here;
  }

  private constructor(models: readonly string[]) {
    this.gpus = makeMachine(join(this.folder, 'machine'), ...models);
    // Other users' processes write the machine's state too.
    spawnSync('chmod', ['-R', 'a+rwX', join(this.folder, 'machine')]);
    chmodSync(this.folder, 0o777);
    this.env = {
      ...process.env,
      LD_LIBRARY_PATH: PATHS.fakeFolder,
      KERF_FAKE_DIR: join(this.folder, 'machine'),
      KERF_RUN_DIR: this.state,
      KERF_LIBRARY_DIR: BUILT,
      KUBECONFIG: '/nonexistent',
    };
  }

  kerf(args: readonly string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
    return spawnSync(process.execPath, [this.bundle, ...args], {
      encoding: 'utf8',
      env: { ...this.env, ...env },
    });
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(process.execPath, [this.bundle, ...args], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...this.env, ...env },
    });
    this.children.push(child);
    return child;
  }

  /** The same by an ordinary user, with slices of his own. */
  kerfAs(uid: number, args: readonly string[]): SpawnSyncReturns<string> {
    const command = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', process.execPath];
    return spawnSync('setpriv', [...command, this.bundle, ...args], {
      encoding: 'utf8',
      cwd: '/',
      env: { ...this.env, KERF_RUN_DIR: join(this.folder, `user-${uid}`), HOME: '/' },
    });
  }

  private get bundle(): string {
    return join(this.folder, 'bundle', 'kerf.js');
  }

  /** A test that failed may have left some running: they would hold the device. */
  async settle(): Promise<void> {
    for (const child of this.children) child.kill('SIGTERM');
    await Promise.all(this.children.splice(0).map(ended));
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
