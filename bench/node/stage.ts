// SPDX-License-Identifier: Apache-2.0
// A node without a cluster: fake GPUs, slices where the device plugin would have laid them, its list of slots, and the
// real monitor (dist/monitor.js) beside them.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mib, milliCores } from '../../src/core/units.js';
import { encodeSlots, type SlotRecord } from '../../src/wire/slots.js';
import { PATHS, ROOT } from '../../test/native/build.js';
import { ended, type Grant, Machine, Slice } from '../../test/native/slice.js';

export interface Monitor {
  readonly url: string;
  readonly child: ChildProcess;
}

export class Stage {
  readonly machine: Machine;
  readonly slices: Slice[] = [];
  private readonly records: SlotRecord[] = [];
  private readonly children: ChildProcess[] = [];
  private plugin: Server | null = null;

  constructor(...models: readonly string[]) {
    this.machine = new Machine(...models);
  }

  /** A slice that the device plugin gave out. */
  slice(grant: Grant): Slice {
    const slot = this.slices.length.toString(16).padStart(32, '0');
    const slice = new Slice(this.machine, join(this.machine.folder, 'slots', slot), [grant]);
    this.slices.push(slice);
    const memory = mib(grant.mib);
    const cores = grant.compute?.cores ?? milliCores(0);
    this.records.push({
      ...{ slot, ids: [slot], container: 'main', kind: 'app', enforcement: 'enforced', workload: '' },
      pod: { namespace: 'bench', name: `pod-${slot}`, uid: slot },
      slices: [{ deviceId: grant.gpu.uuid, memory, cores, isHigh: false, isAlone: false }],
    });
    return slice;
  }

  /** Starts a command in a slice; it ends with the stage. */
  start(slice: Slice, command: readonly string[]): ChildProcess {
    const child = slice.start(command);
    // Nobody reads it.
    child.stdout?.resume();
    this.children.push(child);
    return child;
  }

  /** Answers when it serves. */
  async monitor(): Promise<Monitor> {
    const pluginUrl = await this.listen();
    const argv = [
      ...[join(ROOT, 'dist', 'monitor.js'), '--node-name', 'bench', '--state-dir', this.machine.folder],
      ...['--plugin-url', pluginUrl, '--nvml-library', PATHS.fakeNvml, '--listen', '127.0.0.1:0'],
    ];
    // Whoever benches may have a cluster at hand: this node has none.
    const env = { ...process.env, KUBECONFIG: '', KERF_FAKE_DIR: this.machine.node };
    const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.children.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const { url } = JSON.parse(line) as { readonly url?: string };
      if (url === undefined) continue;
      child.stdout.resume();
      return { url, child };
    }
    throw new Error('the monitor ended before it served');
  }

  private async listen(): Promise<string> {
    if (this.plugin !== null) return addressOf(this.plugin);
    const plugin = createServer((_request, response) => response.end(encodeSlots(this.records)));
    this.plugin = plugin;
    await new Promise<void>((resolve) => plugin.listen(0, '127.0.0.1', resolve));
    return addressOf(plugin);
  }

  async end(): Promise<void> {
    for (const child of this.children) child.kill('SIGTERM');
    await Promise.all(this.children.map(ended));
    this.plugin?.close();
    this.machine.end();
  }
}

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** As the kernel counts them: of one process, without its children. */
export function costOf(pid: number): { readonly cpuMs: number; readonly rssMiB: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const [user, system] = [11, 12].map((at) => Number(fields[at]));
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { cpuMs: ((user ?? 0) + (system ?? 0)) * MS_PER_TICK, rssMiB: Number(rss?.[1] ?? 0) / 1024 };
}

/** Linux tells times in hundredths of a second, whatever the kernel's own tick is. */
const MS_PER_TICK = 10;
