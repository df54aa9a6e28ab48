// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type NvmlProbe, nvmlProbe } from '../../../../src/adapters/nvml/probe.js';

/** A child that takes questions and answers none; a kill ends it when the test says so. */
class SilentChild extends EventEmitter {
  exitCode: number | null = null;
  signalCode: string | null = null;
  kills = 0;

  constructor(readonly pid: number) {
    super();
  }

  send(): boolean {
    return true;
  }

  kill(): boolean {
    this.kills += 1;
    return true;
  }

  end(): void {
    this.signalCode = 'SIGKILL';
    this.emit('exit', null, 'SIGKILL');
  }
}

function aProbe(): { probe: NvmlProbe; children: SilentChild[] } {
  const children: SilentChild[] = [];
  const start = (): ChildProcess => {
    const child = new SilentChild(1000 + children.length);
    children.push(child);
    return child as unknown as ChildProcess;
  };
  const backoffMs = { first: 0, max: 0 };
  return { probe: nvmlProbe({ addonPath: 'x', timeoutMs: 1, backoffMs, fork: start }), children };
}

describe('a child that hangs in the kernel and outlives its kill', () => {
  it('is not joined by another one until it has ended', async () => {
    const { probe, children } = aProbe();
    await expect(probe.devices()).rejects.toMatchObject({ code: 'NVML_TIMEOUT' });
    await expect(probe.devices()).rejects.toMatchObject({
      code: 'NVML_BACKOFF',
      message: 'NVML child 1000 was killed and has not ended: it hangs',
    });
    expect(children.map(({ kills }) => kills)).toEqual([1]);
    children[0]?.end();
    await expect(probe.devices()).rejects.toMatchObject({ code: 'NVML_TIMEOUT' });
    expect(children).toHaveLength(2);
  });
});
