// SPDX-License-Identifier: Apache-2.0
// Asks a vendor's library through a child process. A child that stays silent longer than the time allowed is killed,
// all open questions fail with _TIMEOUT, and the next child starts after a growing pause, and not before the old
// one has ended: a process that hangs in the kernel outlives its kill, and they would pile up.
import { type ChildProcess, fork } from 'node:child_process';
import type { ChildNotice, ChildResponse, ProbeFault } from './contract.js';

/** What whoever opens a probe may say of its child. */
export interface ChildOptions {
  /** Longest silence per question. */
  readonly timeoutMs?: number;
  /** Pause before the child after a killed or dead one: doubles from first to max. */
  readonly backoffMs?: { readonly first: number; readonly max: number };
  /** Child's entry file and Node options, where they are not next to the probe's file. */
  readonly childPath?: string;
  readonly execArgv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Starts the child; Node's own by default. */
  readonly fork?: typeof fork;
}

/** Where the child can tell what happens: it is asked the verb `watch` before it is asked for devices. */
export interface Ears {
  readonly onEvent: (event: unknown) => void;
  /** Events cannot be had; tried again with the next question for devices. */
  readonly onDeaf: (fault: unknown) => void;
}

/** What a probe says of its library. */
export interface ChildTrade {
  /** For people: `NVML`. */
  readonly library: string;
  readonly childPath: string;
  readonly argv: readonly string[];
  readonly ears?: Ears;
  /** `reason`: TIMEOUT, CHILD_GONE, BACKOFF, RENEWED, CLOSED, or a code that the child told. */
  readonly faultOf: (reason: string, message: string) => ProbeFault;
}

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: ProbeFault) => void;
  readonly timer: NodeJS.Timeout;
}

const TIMEOUT_MS = 5_000;
/** A killed child ends at once, or hangs in the kernel. */
const PARTING_MS = 2_000;
const BACKOFF_MS = { first: 500, max: 30_000 };

/** One that could not be started has no pid and never exits. */
const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

export class ChildAsker {
  private child: ChildProcess | undefined;
  /** Killed, and not ended yet. */
  private dying: ChildProcess | undefined;
  /** Tells events, or was asked to. */
  private listening: ChildProcess | undefined;
  private readonly open = new Map<number, Question>();
  private nextId = 1;
  private failures = 0;
  private notBefore = 0;
  private isClosed = false;

  constructor(
    private readonly trade: ChildTrade,
    private readonly options: ChildOptions,
  ) {}

  get childPid(): number | undefined {
    return this.child?.pid;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.drop(this.closed());
    await this.parted();
  }

  /** The next question goes to a new child, whose library sees what is there then. */
  async renew(): Promise<void> {
    this.drop(this.trade.faultOf('RENEWED', `the ${this.trade.library} child was replaced by a new one`));
    await this.parted();
  }

  async ask(verb: string, argument = ''): Promise<unknown> {
    const child = this.living();
    if (verb === 'devices' && this.listening !== child) this.listen(child);
    return this.askOf(child, verb, argument);
  }

  private askOf(child: ChildProcess, verb: string, argument: string): Promise<unknown> {
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

  private listen(child: ChildProcess): void {
    if (this.trade.ears === undefined) return;
    this.listening = child;
    this.askOf(child, 'watch', '').catch((fault: unknown) => {
      if (this.listening === child) this.listening = undefined;
      this.trade.ears?.onDeaf(fault);
    });
  }

  /** The killed child has ended, or hangs. */
  private async parted(): Promise<void> {
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

  private closed(): ProbeFault {
    return this.trade.faultOf('CLOSED', 'the probe was closed');
  }

  private living(): ChildProcess {
    const { library, faultOf } = this.trade;
    if (this.isClosed) throw this.closed();
    if (this.child !== undefined) return this.child;
    const waitMs = this.notBefore - Date.now();
    if (waitMs > 0) throw faultOf('BACKOFF', `the ${library} child starts again in ${waitMs} ms`);
    if (this.dying !== undefined && !hasEnded(this.dying))
      throw faultOf('BACKOFF', `${library} child ${this.dying.pid} was killed and has not ended: it hangs`);
    this.dying = undefined;
    this.child = this.start();
    return this.child;
  }

  private start(): ChildProcess {
    const childPath = this.options.childPath ?? this.trade.childPath;
    const child = (this.options.fork ?? fork)(childPath, [...this.trade.argv], {
      execArgv: [...(this.options.execArgv ?? process.execArgv)],
      env: { UV_THREADPOOL_SIZE: '8', ...(this.options.env ?? process.env) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    child.on('message', (message: ChildResponse | ChildNotice) => this.heard(child, message));
    child.on('error', (error) => this.gone(child, `could not run: ${error.message}`));
    child.on('exit', (code, signal) => this.gone(child, `ended with ${signal ?? code}`));
    return child;
  }

  private heard(child: ChildProcess, message: ChildResponse | ChildNotice): void {
    if (!('event' in message)) return this.answered(child, message);
    if (child === this.child) this.trade.ears?.onEvent(message.event);
  }

  private answered(child: ChildProcess, response: ChildResponse): void {
    const question = this.open.get(response.id);
    if (question === undefined || child !== this.child) return;
    this.open.delete(response.id);
    clearTimeout(question.timer);
    this.failures = 0;
    if (response.ok) question.resolve(response.value);
    else question.reject(this.trade.faultOf(response.code, response.message));
  }

  private hung(child: ChildProcess, timeoutMs: number): void {
    const told = `${this.trade.library} was silent for ${timeoutMs} ms; its child was killed`;
    this.lose(child, this.trade.faultOf('TIMEOUT', told));
  }

  private gone(child: ChildProcess, how: string): void {
    this.lose(child, this.trade.faultOf('CHILD_GONE', `the ${this.trade.library} child ${how}`));
  }

  private lose(child: ChildProcess, fault: ProbeFault): void {
    if (child !== this.child) return;
    const { first, max } = this.options.backoffMs ?? BACKOFF_MS;
    this.notBefore = Date.now() + Math.min(max, first * 2 ** this.failures);
    this.failures += 1;
    this.drop(fault);
  }

  /** Kills by the pid we started, never by name; a child already dead does not mind. */
  private drop(fault: ProbeFault): void {
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
