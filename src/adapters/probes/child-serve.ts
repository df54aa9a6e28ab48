// SPDX-License-Identifier: Apache-2.0
// The other end of child-asker: the process that loads a vendor's library and answers what its parent asks. A library's
// calls can block for ever, so whoever wants to know something asks this process and kills it when it stays silent.
import type { ChildNotice, ChildRequest, ChildResponse } from './contract.js';

export interface ChildDuties {
  readonly answer: (verb: string, argument: string) => Promise<unknown>;
  /** The code of what was thrown: the library's own name of it, or one of ours. */
  readonly codeOf: (error: unknown) => string;
}

export function serveParent({ answer, codeOf }: ChildDuties): void {
  const respond = async ({ id, verb, argument }: ChildRequest): Promise<ChildResponse> => {
    try {
      return { id, ok: true, value: await answer(verb, argument) };
    } catch (error) {
      const { message } = error as { message?: unknown };
      return { id, ok: false, code: codeOf(error), message: String(message ?? error) };
    }
  };
  process.on('message', (request: ChildRequest) => {
    void respond(request).then((response) => process.send?.(response));
  });
  // An orderly exit would wait for worker threads that hang in the driver.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}

/** Tells what was not asked for. */
export function notifyParent(event: unknown): void {
  process.send?.({ event } satisfies ChildNotice);
}

/** Opens once; a failed try is forgotten, so that a driver loaded later is found. */
export function opensOnce<T>(open: () => Promise<T>): () => Promise<T> {
  let opening: Promise<T> | undefined;
  return async () => {
    opening ??= open();
    try {
      return await opening;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
}
