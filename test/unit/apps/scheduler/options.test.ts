// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { readSchedulerOptions } from '../../../../src/apps/scheduler/options.js';

const read = (args: readonly string[] = [], env: Record<string, string> = {}) =>
  readSchedulerOptions(['node', 'scheduler', ...args], { POD_NAME: 'kerf-scheduler-0', ...env });

describe('the scheduler’s flags', () => {
  it('have defaults that need no flag at all', () => {
    expect(read()).toEqual({
      extenderListen: { host: '127.0.0.1', port: 9480 },
      webhookListen: { host: '0.0.0.0', port: 9443 },
      nodePolicy: 'binpack',
      devicePolicy: 'binpack',
      policyConfigmap: 'kerf-system/kerf-policy',
      assumeSeconds: 60,
      schedulerName: 'kerf-scheduler',
      devicesPerContainer: 16,
      hamiMetrics: false,
      resize: true,
      instance: 'kerf-scheduler-0',
      logLevel: 'info',
    });
  });

  it.each([
    [['--kubeconfig', '/x'], { kubeconfig: '/x' }],
    [['--extender-listen', '[::1]:1'], { extenderListen: { host: '::1', port: 1 } }],
    [
      ['--node-policy', 'spread', '--device-policy', 'spread'],
      { nodePolicy: 'spread', devicePolicy: 'spread' },
    ],
    [['--lease', 'a/b', '--no-resize'], { lease: 'a/b', resize: false }],
    [['--assume-seconds', '5'], { assumeSeconds: 5 }],
    [['--tls-cert', 'c', '--tls-key', 'k'], { tlsCert: 'c', tlsKey: 'k' }],
    [['--devices-per-container', '8'], { devicesPerContainer: 8 }],
  ])('%j are taken', (args, want) => {
    expect(read(args)).toMatchObject(want);
  });

  it('take the log level from the environment, and the flag over it', () => {
    expect(read([], { KERF_LOG_LEVEL: 'debug' }).logLevel).toBe('debug');
    expect(read(['--log-level', 'error'], { KERF_LOG_LEVEL: 'debug' }).logLevel).toBe('error');
  });
});
