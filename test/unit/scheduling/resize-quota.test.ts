// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/core/ledger.js';
import type { Placement } from '../../../src/core/placement.js';
import { PodMirror } from '../../../src/scheduling/pod-mirror.js';
import { createQuotaLook } from '../../../src/scheduling/resize-quota.js';
import { VENDORS } from '../../../src/vendors/index.js';
import { readQuotas } from '../../../src/wire/resource-quota.js';
import { aPlacement, aRequest, aSighting, aWish, someFacts } from '../../builders/core.js';
import { aPodView } from '../../builders/scheduling.js';

const quota = (hard: object, used: object) =>
  JSON.stringify({
    items: [{ metadata: { namespace: 'default', name: 'q' }, spec: { hard }, status: { used } }],
  });
const has = (memory: number, cores = 100): Placement => aPlacement({ main: [['GPU-0', memory, cores]] });

let ledger: Ledger;
let pods: PodMirror;
let text: string;
let asked: number;

const over = (after: Placement) => {
  const list = async (): Promise<ReturnType<typeof readQuotas>> => {
    asked += 1;
    return readQuotas(text);
  };
  const [pod] = pods.all();
  if (pod === undefined) throw new Error('bug');
  return createQuotaLook({ ledger, pods, vendors: VENDORS, list })(pod, after);
};

function addPod(uid: string, placement: Placement, namespace = 'default'): void {
  const request = aRequest(aWish({ memory: 4096, cores: 100 }));
  pods.set(aPodView(request, { uid, name: uid, namespace, nodeName: 'n1' }));
  ledger.confirm(aSighting({ uid, pod: `${namespace}/${uid}`, claim: { kind: 'placed', placement } }));
}

beforeEach(() => {
  ledger = new Ledger();
  ledger.setNode(someFacts());
  pods = new PodMirror();
  asked = 0;
  addPod('u1', has(4096));
  text = quota(
    { 'requests.nvidia.com/gpu-mem': '10000', cpu: '4' },
    { 'requests.nvidia.com/gpu-mem': '4096' },
  );
});

describe('a resize is held to the namespace’s quotas', () => {
  it('to the last MiB that they leave', async () => {
    expect(await over(has(10_000))).toBeNull();
    expect(await over(has(10_001))).toEqual({
      ...{ kind: 'QuotaShort', quota: 'default/q', resource: 'requests.nvidia.com/gpu-mem' },
      ...{ hard: 10_000, want: 10_001 },
    });
  });

  it('counting what resizes added to other pods of the namespace, not what they gave back', async () => {
    addPod('u2', has(5096));
    addPod('u3', has(1000));
    addPod('u4', has(9000), 'elsewhere');
    expect(await over(has(9000))).toBeNull();
    expect(await over(has(9001))).toMatchObject({ want: 10_001 });
  });

  it('by compute and percentage too, and in bytes where the quota is written so', async () => {
    text = quota({ 'requests.nvidia.com/gpu-cores': '30' }, { 'requests.nvidia.com/gpu-cores': '10' });
    expect(await over(has(4096, 300))).toBeNull();
    expect(await over(has(4096, 310))).toMatchObject({ resource: 'requests.nvidia.com/gpu-cores', want: 31 });
    text = quota({ 'requests.nvidia.com/gpumem-percentage': '20' }, {});
    expect(await over(has(4096 + 8193))).toMatchObject({ want: 21 });
    text = quota({ 'requests.nvidia.com/gpu-mem': '8Gi' }, { 'requests.nvidia.com/gpu-mem': '4Gi' });
    expect(await over(has(8192))).toBeNull();
    expect(await over(has(8193))).toMatchObject({ kind: 'QuotaShort' });
  });

  it('and asks nobody where nothing is added', async () => {
    expect(await over(has(1000, 0))).toBeNull();
    expect(asked).toBe(0);
  });

  it('where a quota cannot be read, to the others', async () => {
    text = '{"items":[null,{"spec":{"hard":{"requests.nvidia.com/gpu-mem":"x"}}}]}';
    expect(await over(has(10_001))).toBeNull();
  });
});
