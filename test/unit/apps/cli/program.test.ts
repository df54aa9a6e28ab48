// SPDX-License-Identifier: Apache-2.0
// The command from its arguments to its exit code, with real monitors over HTTP.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, type Serving, plain, serveRoutes } from '../../../../src/adapters/http/routes.js';
import { type Io, wantsColour } from '../../../../src/apps/cli/io.js';
import { runCli } from '../../../../src/apps/cli/program.js';
import { stateOf } from '../../../../src/observing/state.js';
import { usageOf } from '../../../../src/observing/usage.js';
import { aNode } from '../../observing/readings.js';

const running: Serving[] = [];
let good = '';
let bad = '';

beforeAll(async () => {
  const state = stateOf(usageOf(aNode()));
  running.push(await serveRoutes('127.0.0.1:0', { '/v1/usage': async () => json(state) }));
  running.push(await serveRoutes('127.0.0.1:0', { '/v1/usage': async () => plain(500, 'no luck') }));
  [good = '', bad = ''] = running.map(({ url }) => url);
});

afterAll(() => Promise.all(running.map((each) => each.close())));

async function kerf(args: readonly string[], env: Io['env'] = {}) {
  const seen = { out: '', err: '' };
  const stop = new AbortController().signal;
  const write = (key: 'out' | 'err') => (text: string) => {
    seen[key] += `${text}\n`;
  };
  const io: Io = { out: write('out'), err: write('err'), isTty: false, hasColour: false, env, stop };
  return { code: await runCli(args, io), ...seen };
}

describe('kerf', () => {
  it.each([
    [['--help'], 0, 'Exit codes: 0 ok'],
    [['top', '--help'], 0, 'kerf top --once --json'],
    [['devices', '--help'], 0, 'Examples:'],
    [['explain', '--help'], 0, 'Examples:'],
  ])('%j helps', async (args, code, text) => {
    const seen = await kerf(args);
    expect(seen).toMatchObject({ code });
    expect(seen.out).toContain(text);
  });

  it.each([
    [['nope'], "unknown command 'nope'"],
    [['top', '--nope'], "unknown option '--nope'"],
    [['top', '--interval', 'soon'], '--interval is soon: want 0.1 to 3600 seconds'],
    [['top', '--monitor', 'n1'], '--monitor is n1: want node=http://host:port'],
    [['explain', 'x', '--scheduler', 'garbage'], '--scheduler is garbage: want http://host:port'],
    [['explain', 'a/b/c'], 'pod is a/b/c: want name or namespace/name'],
    [['explain', 'a/b', '-n', 'c'], 'pod is a/b and --namespace is c: want one namespace'],
    [['explain'], "missing required argument 'pod'"],
  ])('%j is wrong usage', async (args, text) => {
    const seen = await kerf(args);
    expect(seen.code).toBe(2);
    expect(seen.err).toContain(text);
  });

  it.each([
    [['top'], { KERF_MONITORS: 'n1' }, 'KERF_MONITORS is n1: want node=http://host:port'],
    [['explain', 'x'], { KERF_SCHEDULER: 'nope' }, 'KERF_SCHEDULER is nope: want http://host:port'],
  ])('%j with %j blames the environment', async (args, env, text) => {
    const seen = await kerf(args, env);
    expect(seen).toMatchObject({ code: 2 });
    expect(seen.err).toContain(text);
  });

  it('explain names the scheduler that does not answer', async () => {
    const seen = await kerf(['explain', 'a/p', '--scheduler', 'http://127.0.0.1:1']);
    expect(seen.code).toBe(3);
    expect(seen.err).toContain('the scheduler at http://127.0.0.1:1 (--scheduler) does not answer: ');
  });

  it('explain takes the pod as the tables print it', async () => {
    const answer = { pod: 'a/p', uid: 'u', revision: 1, state: 'over', text: 'over' };
    const scheduler = await serveRoutes('127.0.0.1:0', { '/v1/explain/a/p': async () => json(answer) });
    running.push(scheduler);
    const seen = await kerf(['explain', 'a/p', '--scheduler', scheduler.url]);
    expect(seen).toMatchObject({ code: 0, err: '', out: 'a/p: over\n' });
  });

  it('top shows what the stated monitors say', async () => {
    const seen = await kerf(['top', '--once', '--monitor', `n1=${good}`]);
    expect(seen).toMatchObject({ code: 0, err: '' });
    expect(seen.out).toContain('A100-40G');
  });

  it('top takes monitors from the environment, and goes on past one that fails', async () => {
    const seen = await kerf(['top', '--json'], { KERF_MONITORS: `n1=${good},n2=${bad}` });
    expect(seen.code).toBe(0);
    expect(JSON.parse(seen.out)).toMatchObject({
      nodes: [{ node: 'n1' }],
      silent: [{ node: 'n2', why: `${bad}/v1/usage answers 500: no luck` }],
    });
  });

  it('top ends with a fault when nobody answers', async () => {
    const seen = await kerf(['top', '--once', '--monitor', `n2=${bad}`]);
    expect(seen).toMatchObject({ code: 3, out: '' });
    expect(seen.err).toContain('no monitor answered: n2');
  });

  it('devices ends with a fault without a cluster', async () => {
    const seen = await kerf(['devices', '--kubeconfig', '/nowhere/config']);
    expect(seen.code).toBe(3);
    expect(seen.err).toContain('--kubeconfig is /nowhere/config: there is no such file');
  });
});

describe('colours', () => {
  it.each([
    { when: 'on a terminal', isTty: true, env: {}, want: true },
    { when: 'not in a pipe', isTty: false, env: {}, want: false },
    { when: 'not against NO_COLOR', isTty: true, env: { NO_COLOR: '1' }, want: false },
    { when: 'with an empty NO_COLOR', isTty: true, env: { NO_COLOR: '' }, want: true },
    { when: 'not on a dumb terminal', isTty: true, env: { TERM: 'dumb' }, want: false },
  ])('$when', ({ isTty, env, want }) => expect(wantsColour(isTty, env)).toBe(want));
});
