// SPDX-License-Identifier: Apache-2.0
// One short call over undici's own seam below `request`: no stream for a body of a hundred bytes, no AbortSignal of its own
// for the time it may take. Half of `request`'s CPU a call, and a bind is one call a pod.
import type { Dispatcher } from 'undici';

export interface Question {
  readonly origin: string;
  /** With its query. */
  readonly path: string;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** For the whole answer, waiting for a connection included. */
  readonly timeoutMs: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Rejects where there is no whole answer: refused, cut off, too late, given up by `signal`. */
export function exchange(dispatcher: Dispatcher, question: Question): Promise<Reply> {
  const { timeoutMs, signal, origin, path, method, headers, body } = question;
  return new Promise((resolve, reject) => {
    const call = new Call(resolve, reject);
    call.limit(timeoutMs, signal);
    // undici's own limits: none, for ours covers the whole.
    const limits = { headersTimeout: 0, bodyTimeout: 0 };
    dispatcher.dispatch({ origin, path, method, headers, body: body ?? null, ...limits }, call);
  });
}

class Call implements Dispatcher.DispatchHandler {
  private reply: Omit<Reply, 'body'> = { status: 0, headers: {} };
  private readonly chunks: Buffer[] = [];
  private controller: Dispatcher.DispatchController | null = null;
  private endLimit: () => void = () => {};
  private givenUp: Error | null = null;

  constructor(
    private readonly resolve: (reply: Reply) => void,
    private readonly reject: (fault: Error) => void,
  ) {}

  limit(timeoutMs: number, signal: AbortSignal | undefined): void {
    const timer = setTimeout(
      () => this.giveUp(new Error(`no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    const stop = (): void => this.giveUp(new Error('the call was given up'));
    signal?.addEventListener('abort', stop, { once: true });
    this.endLimit = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    };
    if (signal?.aborted === true) stop();
  }

  /** A call that still waits for a connection ends the moment it would begin. */
  private giveUp(fault: Error): void {
    this.givenUp = fault;
    this.controller?.abort(fault);
    this.fail(fault);
  }

  private fail(fault: Error): void {
    this.endLimit();
    this.reject(fault);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.givenUp !== null) controller.abort(this.givenUp);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Reply['headers'],
  ): void {
    this.reply = { status, headers };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.endLimit();
    const { chunks } = this;
    const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    this.resolve({ ...this.reply, body: whole });
  }

  onResponseError(_controller: Dispatcher.DispatchController, fault: Error): void {
    this.fail(fault);
  }
}
