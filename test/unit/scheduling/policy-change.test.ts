// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import { canPlace } from '../../../src/core/place.js';
import { DEFAULT_RULES, type PlacingRules } from '../../../src/core/policies.js';
import { preparePod } from '../../../src/core/prepared.js';
import type { PodRequest } from '../../../src/core/request.js';
import { mib, milliCores } from '../../../src/core/units.js';
import { smallestChanges } from '../../../src/scheduling/change.js';
import { finish } from '../../../src/scheduling/steps.js';
import { explain } from '../../../src/scheduling/explain.js';
import {
  aContainer,
  aDevice,
  aPlacement,
  aRequest,
  aSighting,
  aWish,
  someFacts,
} from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';

let ledger: Ledger;

/** Two devices on different NUMA nodes, a small slice on each. */
beforeEach(() => {
  ledger = new Ledger();
  const devices = [0, 1].map((index) => aDevice({ id: `GPU-${index}`, index, numa: index }));
  ledger.setNode(someFacts({ devices }));
  for (const device of ['GPU-0', 'GPU-1']) {
    const claim = { kind: 'placed', placement: aPlacement({ main: [[device, 1024]] }) } as const;
    ledger.confirm(aSighting({ uid: device, pod: `a/${device}`, claim }));
  }
});

/** Every text of a change of policy, each tried again here. */
function sayings(request: PodRequest, defaults: PlacingRules = DEFAULT_RULES): readonly string[] {
  const found = finish(smallestChanges(request, { snapshot: ledger, defaults })).filter(
    ({ kind }) => kind === 'policy',
  );
  for (const change of found) {
    const node = ledger.node(change.node);
    expect(node !== undefined && canPlace(preparePod(change.request, defaults), node)).toBe(true);
  }
  return found.map(({ text }) => text);
}

const pair = aWish({ count: 2 });
const numa = 'required' as const;

describe('another policy', () => {
  const rows: [string, PodRequest, string[]][] = [
    [
      'is the list without its must',
      aRequest(aWish(), { devicePolicy: ['mutex', 'spread'] }),
      ['with kerf.dev/device-policy: spread'],
    ],
    [
      'is binpack where nothing is left of the list',
      aRequest(aWish(), { devicePolicy: ['mutex'] }),
      ['with kerf.dev/device-policy: binpack'],
    ],
    ['is NUMA as a wish', aRequest(pair, { numa }), ['with kerf.dev/numa: preferred']],
    [
      'is both where neither alone helps',
      aRequest(pair, { numa, devicePolicy: ['exclusive'] }),
      ['with kerf.dev/numa: preferred and kerf.dev/device-policy: binpack'],
    ],
    ['is not named where it would not help', aRequest(aWish({ memory: 40_960 })), []],
  ];
  it.each(rows)('%s', (_title, request, want) => expect(sayings(request)).toEqual(want));

  it('is mutex for exclusive where only the pod’s own containers are in the way', () => {
    ledger.release('GPU-1');
    const containers = [aContainer('a', 'app', aWish()), aContainer('b', 'app', aWish())];
    expect(sayings(aRequest(containers, { devicePolicy: ['exclusive'] }))).toEqual([
      'with kerf.dev/device-policy: mutex',
    ]);
  });

  it('is one that the pod writes itself where a rule demands more', () => {
    const rules: PlacingRules = { ...DEFAULT_RULES, devicePolicy: ['mutex'] };
    expect(sayings(aRequest(), rules)).toEqual(['with kerf.dev/device-policy: binpack']);
  });
});

describe('explain', () => {
  const of = (request: PodRequest) =>
    explain(aPodView(request), undefined, { snapshot: ledger, defaults: DEFAULT_RULES });

  it('counts per NUMA node what fits, where one NUMA node is required', () => {
    expect(of(aRequest(pair, { numa })).nodes?.[0]).toMatchObject({
      kind: 'NumaShort',
      curable: 'never',
      text: 'too few devices on one NUMA node: 2 wanted, at most 1 fit',
      detail: 'devices that fit: 1 on NUMA node 0, 1 on NUMA node 1',
    });
  });

  it('says of each device that somebody is on it, where the pod wants one alone', () => {
    const [node] = of(aRequest(aWish(), { devicePolicy: ['mutex'] })).nodes ?? [];
    expect(node).toMatchObject({ kind: 'NoDeviceFits', curable: 'by-preemption' });
    expect(node?.devices.map(({ kind }) => kind)).toEqual(['NotEmpty', 'NotEmpty']);
  });

  it('says of the device of a pod that is alone that it is held', () => {
    const slice = {
      deviceId: 'GPU-0',
      memory: mib(1024),
      cores: milliCores(0),
      isHigh: false,
      isAlone: true,
    };
    const placement = { containers: [{ name: 'main', slices: [slice] }] };
    ledger.confirm(aSighting({ uid: 'alone', claim: { kind: 'placed', placement } }));
    const [node] = of(aRequest(aWish({ count: 3 }))).nodes ?? [];
    expect(node?.devices[0]).toMatchObject({ fits: false, kind: 'HeldExclusively' });
  });
});
