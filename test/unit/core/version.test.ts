// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { VERSION } from '../../../src/core/version.js';

it('is the version of package.json', () => {
  expect(VERSION).toBe(manifest.version);
});
