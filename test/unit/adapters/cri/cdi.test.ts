// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { judgeCdi } from '../../../../src/adapters/cri/cdi.js';

const containerd = (version: string, config: unknown) => ({
  name: 'containerd',
  version,
  texts: { config: typeof config === 'string' ? config : JSON.stringify(config) },
});
const BOTH = ['/etc/cdi', '/var/run/cdi'];

describe('CDI in the runtime', () => {
  it.each([
    ['containerd 2 as it comes', containerd('v2.4.2', { cdiSpecDirs: BOTH }), '/var/run/cdi'],
    ['a folder by its other name', containerd('v2.4.2', { cdiSpecDirs: ['/run/cdi/'] }), '/var/run/cdi'],
    ['containerd 1.7 with CDI on', containerd('1.7.20', { enableCDI: true, cdiSpecDirs: BOTH }), '/run/cdi'],
    ['CRI-O of today', { name: 'cri-o', version: '1.31.0', texts: {} }, '/var/run/cdi'],
  ])('is on with %s', (_, told, folder) => {
    expect(judgeCdi(told, folder)).toEqual({ isOn: true });
  });

  it.each([
    [
      'containerd without folders',
      containerd('v2.4.2', { cdiSpecDirs: [] }),
      'containerd v2.4.2 says cdiSpecDirs = []',
      `in the runtime's config.toml: [plugins.'io.containerd.cri.v1.runtime'] cdi_spec_dirs = ['/etc/cdi', '/var/run/cdi']`,
    ],
    [
      'containerd that reads other folders',
      containerd('v2.4.2', { cdiSpecDirs: ['/etc/cdi'] }),
      'containerd v2.4.2 says cdiSpecDirs = ["/etc/cdi"]',
      `in the runtime's config.toml: [plugins.'io.containerd.cri.v1.runtime'] cdi_spec_dirs = ['/etc/cdi', '/var/run/cdi']`,
    ],
    [
      'containerd 1.7 as it comes',
      containerd('1.7.20', { enableCDI: false, cdiSpecDirs: BOTH }),
      'containerd 1.7.20 says enableCDI = false, cdiSpecDirs = ["/etc/cdi","/var/run/cdi"]',
      `in the runtime's config.toml: [plugins."io.containerd.grpc.v1.cri"] enable_cdi = true`,
    ],
    [
      'containerd that tells nothing',
      containerd('1.6.0', 'garbage'),
      'containerd 1.6.0 says nothing of CDI',
      `in the runtime's config.toml: [plugins."io.containerd.grpc.v1.cri"] cdi_spec_dirs = ['/etc/cdi', '/var/run/cdi']`,
    ],
    [
      'an old CRI-O',
      { name: 'cri-o', version: '1.22.3', texts: {} },
      'CRI-O 1.22.3 knows no CDI',
      'upgrade CRI-O to 1.23 or later',
    ],
    [
      'a runtime nobody knows',
      { name: 'other', version: '1', texts: {} },
      'the runtime is other 1, and whether it resolves CDI names is not known',
      'start the device plugin with --assume-cdi if it does',
    ],
  ])('is off with %s', (_, told, found, remedy) => {
    expect(judgeCdi(told, '/var/run/cdi')).toEqual({ isOn: false, found, remedy });
  });
});
