// SPDX-License-Identifier: Apache-2.0
// Asks NVML through a child process. A child that stays silent longer than the time allowed is killed, all
// open questions fail with NVML_TIMEOUT, and the next child starts after a growing pause, and not before the old
// one has ended: a process that hangs in the kernel outlives its kill, and they would pile up.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  type NvmlDevice,
  type NvmlDeviceLinks,
  NvmlFault,
  type NvmlProcess,
  type NvmlResponse,
  type NvmlVerb,
} from './contract.js';

export interface NvmlProbe {
  /** All devices with their processes. Rejects with an NvmlFault. */
  devices(): Promise<readonly NvmlDevice[]>;
  /** How the devices are linked, at each one's index. Rejects with an NvmlFault. */
  links(): Promise<readonly NvmlDeviceLinks[]>;
  /** Processes on one device. Rejects with an NvmlFault. */
  processes(uuid: string): Promise<readonly NvmlProcess[]>;
  driverVersion(): Promise<string>;
  /** Ends the child; nothing can be asked afterwards. */
  close(): Promise<void>;
  /** Of the living child, for people and tests. */
  readonly childPid: number | undefined;
}

export interface NvmlProbeOptions {
  /** Path of nvml.node. */
  readonly addonPath: string;
  /** Name or path given to dlopen; libnvidia-ml.so.1 by default. */
  readonly library?: string;
  /** Longest silence per question. */
  readonly timeoutMs?: number;
  /** Pause before the child after a killed or dead one: doubles from first to max. */
  readonly backoffMs?: { readonly first: number; readonly max: number };
  /** Child's entry file and Node options, where they are not next to this file. */
  readonly childPath?: string;
  readonly execArgv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Starts the child; Node's own by default. */
  readonly fork?: typeof fork;
}

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: NvmlFault) => void;
  readonly timer: NodeJS.Timeout;
}

const LIBRARY = 'libnvidia-ml.so.1';
const TIMEOUT_MS = 5_000;
/** A killed child ends at once, or hangs in the kernel. */
const PARTING_MS = 2_000;
const BACKOFF_MS = { first: 500, max: 30_000 };

/** child.ts beside the source, nvml-child.js beside a bundle. */
function defaultChildPath(): string {
  const name = import.meta.url.endsWith('.ts') ? './child.ts' : './nvml-child.js';
  return fileURLToPath(new URL(name, import.meta.url));
}

export function nvmlProbe(options: NvmlProbeOptions): NvmlProbe {
  return new ChildProbe(options);
}

/** One that could not be started has no pid and never exits. */
const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

class ChildProbe implements NvmlProbe {
  private child: ChildProcess | undefined;
  /** Killed, and not ended yet. */
  private dying: ChildProcess | undefined;
  private readonly open = new Map<number, Question>();
  private nextId = 1;
  private failures = 0;
  private notBefore = 0;
  private isClosed = false;

  constructor(private readonly options: NvmlProbeOptions) {}

  get childPid(): number | undefined {
    return this.child?.pid;
  }

  devices(): Promise<readonly NvmlDevice[]> {
    return this.ask('devices', '') as Promise<readonly NvmlDevice[]>;
  }

  links(): Promise<readonly NvmlDeviceLinks[]> {
    return this.ask('links', '') as Promise<readonly NvmlDeviceLinks[]>;
  }

  processes(uuid: string): Promise<readonly NvmlProcess[]> {
    return this.ask('processes', uuid) as Promise<readonly NvmlProcess[]>;
  }

  driverVersion(): Promise<string> {
    return this.ask('driverVersion', '') as Promise<string>;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.drop(new NvmlFault('NVML_CLOSED', 'the probe was closed'));
    const child = this.dying;
    if (child === undefined || hasEnded(child)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PARTING_MS);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private async ask(verb: NvmlVerb, argument: string): Promise<unknown> {
    const child = this.living();
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timeoutMs = this.options.timeoutMs ?? TIMEOUT_MS;
      const timer = setTimeout(() => this.hung(child, timeoutMs), timeoutMs);
      this.open.set(id, { resolve, reject, timer });
      child.send({ id, verb, argument }, (error) => {
        if (error) this.gone(child, `could not be asked: ${error.message}`);
      });
    });
  }

  private living(): ChildProcess {
    if (this.isClosed) throw new NvmlFault('NVML_CLOSED', 'the probe was closed');
    if (this.child !== undefined) return this.child;
    const waitMs = this.notBefore - Date.now();
    if (waitMs > 0) throw new NvmlFault('NVML_BACKOFF', `the NVML child starts again in ${waitMs} ms`);
    if (this.dying !== undefined && !hasEnded(this.dying))
      throw new NvmlFault(
        'NVML_BACKOFF',
        `NVML child ${this.dying.pid} was killed and has not ended: it hangs`,
      );
    this.dying = undefined;
    this.child = this.start();
    return this.child;
  }

  private start(): ChildProcess {
    const { addonPath, library = LIBRARY, childPath = defaultChildPath() } = this.options;
    const child = (this.options.fork ?? fork)(childPath, [addonPath, library], {
      execArgv: [...(this.options.execArgv ?? process.execArgv)],
      env: { UV_THREADPOOL_SIZE: '8', ...(this.options.env ?? process.env) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    child.on('message', (response: NvmlResponse) => this.answered(child, response));
    child.on('error', (error) => this.gone(child, `could not run: ${error.message}`));
    child.on('exit', (code, signal) => this.gone(child, `ended with ${signal ?? code}`));
    return child;
  }

  private answered(child: ChildProcess, response: NvmlResponse): void {
    const question = this.open.get(response.id);
    if (question === undefined || child !== this.child) return;
    this.open.delete(response.id);
    clearTimeout(question.timer);
    this.failures = 0;
    if (response.ok) question.resolve(response.value);
    else question.reject(new NvmlFault(response.code, response.message));
  }

  private hung(child: ChildProcess, timeoutMs: number): void {
    this.lose(
      child,
      new NvmlFault('NVML_TIMEOUT', `NVML was silent for ${timeoutMs} ms; its child was killed`),
    );
  }

  private gone(child: ChildProcess, how: string): void {
    this.lose(child, new NvmlFault('NVML_CHILD_GONE', `the NVML child ${how}`));
  }

  private lose(child: ChildProcess, fault: NvmlFault): void {
    if (child !== this.child) return;
    const { first, max } = this.options.backoffMs ?? BACKOFF_MS;
    this.notBefore = Date.now() + Math.min(max, first * 2 ** this.failures);
    this.failures += 1;
    this.drop(fault);
  }

  /** Kills by the pid we started, never by name; a child already dead does not mind. */
  private drop(fault: NvmlFault): void {
    this.child?.kill('SIGKILL');
    this.dying = this.child ?? this.dying;
    this.child = undefined;
    for (const question of this.open.values()) {
      clearTimeout(question.timer);
      question.reject(fault);
    }
    this.open.clear();
  }
}
