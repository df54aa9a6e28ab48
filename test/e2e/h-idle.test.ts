// SPDX-License-Identifier: Apache-2.0
// Journey h: three idle minutes, and Kerf writes nothing (leases apart).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../cluster/index.js';
import { endJourney, type Journey, startJourney } from './support/journey.js';
import { container, pod } from './support/manifests.js';
import { SIZE } from './support/size.js';
import { pause } from './support/wait.js';

const IDLE_MS = SIZE.idleSeconds * 1000;

describe('an idle cluster with a running slice', () => {
  let journey: Journey;

  beforeAll(async () => {
    journey = await startJourney('h');
    await journey.api.createAll([pod('still', [container({ mem: 1024 })], { namespace: journey.namespace })]);
    await journey.api.running(journey.namespace, 1);
    await pause(2_000);
  });
  afterAll(() => endJourney(journey));

  it('sees no write by Kerf', async () => {
    const since = new Date();
    await pause(IDLE_MS);
    const writes = (await readAudit(journey.cluster, { since, writesOnly: true })).filter(
      ({ user, resource }) => user.startsWith('system:serviceaccount:kerf-system:') && resource !== 'leases',
    );
    expect(writes).toEqual([]);
    // The log itself is alive: the node's own lease is renewed meanwhile.
    expect((await readAudit(journey.cluster, { since, resource: 'leases' })).length).toBeGreaterThan(0);
  });
});
