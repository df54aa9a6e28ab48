// SPDX-License-Identifier: Apache-2.0
// Journey b: init container, two apps, two devices in one container, a sidecar, a container that crashes:
// each has its own slices and no other device, also after the restart.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PodObject } from './support/api.js';
import { endJourney, execIn, type Journey, lastJson, placementOf, startJourney } from './support/journey.js';
import { container, FOREVER, pod } from './support/manifests.js';
import { waitFor } from './support/wait.js';

const MIB = 1024 * 1024;
const SEE = 'kerf-workload info';

interface Seen {
  readonly devices: readonly { readonly uuid: string; readonly cuda_total_bytes: number }[];
}

describe('containers of one pod', () => {
  let journey: Journey;
  let whole: PodObject;

  const granted = (name: string): Map<string, number> => {
    const found = placementOf(whole).containers.find((each) => each.name === name);
    return new Map((found?.slices ?? []).map((slice) => [slice.deviceId, slice.memory * MIB]));
  };
  const seen = (text: string): Map<string, number> =>
    new Map(lastJson<Seen>(text).devices.map((device) => [device.uuid, device.cuda_total_bytes]));
  const logs = async (name: string, ...more: string[]): Promise<string> =>
    (await journey.cluster.kubectl(['logs', '-n', journey.namespace, 'family', '-c', name, ...more])).stdout;

  beforeAll(async () => {
    journey = await startJourney('b');
    const init = [
      container({ mem: 2048, cores: 10 }, { name: 'setup', command: ['sh', '-c', SEE] }),
      container({ mem: 1024 }, { name: 'side', restartPolicy: 'Always' }),
    ];
    const apps = [
      container({ gpu: 2, mem: 4096, cores: 25 }, { name: 'pair' }),
      container({ mem: '3Gi', cores: 20 }, { name: 'single' }),
      container({ mem: 512 }, { name: 'crash', command: ['sh', '-c', `${SEE}; sleep 2; exit 3`] }),
      container(null, { name: 'plain', command: FOREVER }),
    ];
    const spec = { nodeSelector: { 'kubernetes.io/hostname': 'n1' } };
    await journey.api.createAll([pod('family', apps, { namespace: journey.namespace, init, spec })]);
    whole = await waitFor('the family runs', async () => {
      const found = await journey.api.pod(journey.namespace, 'family');
      const pair = found.status.containerStatuses?.find(({ name }) => name === 'pair');
      return pair?.state.running ? found : undefined;
    });
  });
  afterAll(() => endJourney(journey));

  it('the init container had its slice and nothing else', async () => {
    expect(seen(await logs('setup'))).toEqual(granted('setup'));
    expect([...granted('setup').values()]).toEqual([2048 * MIB]);
  });

  it('the container with two devices has exactly these two', async () => {
    expect(granted('pair').size).toBe(2);
    expect(
      seen(await execIn(journey, { pod: 'family', container: 'pair' }, ['kerf-workload', 'info'])),
    ).toEqual(granted('pair'));
  });

  it.each([
    ['single', 3072],
    ['side', 1024],
  ])('%s has its own slice', async (name, mib) => {
    const found = seen(await execIn(journey, { pod: 'family', container: name }, ['kerf-workload', 'info']));
    expect(found).toEqual(granted(name));
    expect([...found.values()]).toEqual([mib * MIB]);
  });

  it('a container that asks for nothing sees no device', async () => {
    const text = await execIn(journey, { pod: 'family', container: 'plain' }, [
      'sh',
      '-c',
      'kerf-workload info || true; ls /dev | grep -c nvidia || true',
    ]);
    expect(text.trim().split('\n').at(-1)).toBe('0');
  });

  it('a container that crashes has the same slice after its restart', async () => {
    await waitFor('a restart', async () => {
      const found = await journey.api.pod(journey.namespace, 'family');
      const crash = found.status.containerStatuses?.find(({ name }) => name === 'crash');
      return (crash?.restartCount ?? 0) >= 1 && crash?.state.terminated === undefined ? crash : undefined;
    });
    const first = seen(await logs('crash', '--previous'));
    expect(first).toEqual(granted('crash'));
    const again = await waitFor('its words', async () => {
      const text = await logs('crash');
      return text.includes('{') ? text : undefined;
    });
    expect(seen(again)).toEqual(granted('crash'));
  });
});
