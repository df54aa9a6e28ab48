// SPDX-License-Identifier: Apache-2.0

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** Asked once when time is up: what a reader needs to see why (a CI machine is gone by then). */
  readonly why?: () => Promise<string>;
}

/**
 * Asks again and again until the answer is neither undefined, null nor false, and gives that answer back.
 * A real cluster has no clock to move: this is the one place where journeys let time pass.
 */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false>,
  options: WaitOptions = {},
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 60_000);
  let last: unknown = '';
  for (;;) {
    const answer = await ask().catch((fault: unknown) => {
      last = fault;
      return undefined;
    });
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(await inVain(what, last, options));
    await pause(options.everyMs ?? 200);
  }
}

async function inVain(what: string, last: unknown, { why }: WaitOptions): Promise<string> {
  const reasons = [String(last), (await why?.().catch(String)) ?? ''];
  return [`waited in vain for: ${what}`, ...reasons.filter((reason) => reason !== '')].join('\n');
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
