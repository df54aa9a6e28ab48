// SPDX-License-Identifier: Apache-2.0
// Asks the device plugin beside us for its slots. While it is away the last answer stands: slots do not change
// without it.
import { request } from 'undici';
import { decodeSlots, type SlotRecord } from '../../wire/slots.js';

const TIMEOUT_MS = 3_000;

export interface SlotsAnswer {
  readonly slots: readonly SlotRecord[];
  /** Why these are old; empty when they are of now. */
  readonly problem: string;
}

export interface SlotsClient {
  slots(): Promise<SlotsAnswer>;
}

export function slotsClient(pluginUrl: string): SlotsClient {
  const url = new URL('/v1/slots', pluginUrl).href;
  let last: readonly SlotRecord[] = [];
  return {
    async slots() {
      try {
        last = await askSlots(url);
        return { slots: last, problem: '' };
      } catch (fault) {
        return { slots: last, problem: `device plugin at ${url}: ${reasonOf(fault)}` };
      }
    },
  };
}

/** Of all device plugins of a node. */
export function joinedSlots(clients: readonly SlotsClient[]): SlotsClient {
  return {
    async slots() {
      const answers = await Promise.all(clients.map((client) => client.slots()));
      return {
        slots: answers.flatMap(({ slots }) => slots),
        problem: answers.flatMap(({ problem }) => (problem === '' ? [] : [problem])).join('; '),
      };
    },
  };
}

async function askSlots(url: string): Promise<readonly SlotRecord[]> {
  const answer = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`answers ${answer.statusCode}`);
  const slots = decodeSlots(text);
  if (!slots.ok) throw new Error(slots.error);
  return slots.value;
}

function reasonOf(fault: unknown): string {
  const { code, message } = fault as { code?: string; message?: string };
  return message || code || String(fault);
}
