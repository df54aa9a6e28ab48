// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it } from 'vitest';
import { plain, type Serving, serveRoutes } from '../../../../src/adapters/http/routes.js';
import { slotsClient } from '../../../../src/adapters/plugin/slots-client.js';
import { encodeSlots } from '../../../../src/wire/slots.js';
import { aSlot } from '../../observing/readings.js';

let server: Serving | undefined;
afterEach(() => server?.close());

const slot = aSlot({ slot: '0123456789abcdef0123456789abcdef' });

async function pluginThatSays(answers: { status: number; body: string }[]): Promise<string> {
  const said = [...answers];
  const page = async () => {
    const { status, body } = said.shift() ?? { status: 500, body: 'no more' };
    return plain(status, body);
  };
  server = await serveRoutes('127.0.0.1:0', { '/v1/slots': page });
  return server.url;
}

describe('the slots of the device plugin', () => {
  it('are read', async () => {
    const url = await pluginThatSays([{ status: 200, body: encodeSlots([slot]) }]);
    expect(await slotsClient(url).slots()).toEqual({ slots: [slot], problem: '' });
  });

  it.each([
    { name: 'fails', answer: { status: 503, body: 'not now' }, why: 'answers 503' },
    { name: 'talks nonsense', answer: { status: 200, body: '{}' }, why: 'slots are not a JSON list' },
  ])('stay as they were, and the reason is told, when it $name', async ({ answer, why }) => {
    const url = await pluginThatSays([{ status: 200, body: encodeSlots([slot]) }, answer]);
    const client = slotsClient(url);
    await client.slots();
    expect(await client.slots()).toEqual({
      slots: [slot],
      problem: `device plugin at ${url}/v1/slots: ${why}`,
    });
  });

  it('are none, and the reason is told, where nobody listens', async () => {
    const { slots, problem } = await slotsClient('http://127.0.0.1:1').slots();
    expect(slots).toEqual([]);
    expect(problem).toContain('ECONNREFUSED');
  });
});
