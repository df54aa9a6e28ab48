// SPDX-License-Identifier: Apache-2.0
// The demo on real nodes: journey a before the reader's eyes.
import { setTimeout as sleep } from 'node:timers/promises';
import { explainFrame } from '../cli/explain-frame.js';
import { askAll, type Monitor, monitorAt } from '../cli/monitors.js';
import { type Column, mibText, renderTable, toned } from '../cli/table.js';
import { usageFrame } from '../cli/usage-frame.js';
import type { DemoApi } from './api.js';
import { cluster, quiet } from './command.js';
import { explanationOf, type Reach } from './reach.js';
import { DEMO_NAMESPACE, DEMO_PODS, HELD_MIB, type DemoPod, TOO_LARGE } from './pods.js';
import type { Stage } from './stage.js';

export interface Scene {
  readonly name: string;
  readonly reach: Reach;
  readonly api: DemoApi;
  readonly stage: Stage;
}

interface DeviceSeen {
  readonly cuda_total_bytes: number;
  readonly nvml_total_bytes: number;
}

interface View extends DeviceSeen {
  readonly pod: DemoPod;
  readonly devices: number;
}

const MIB = 1_048_576;
/** How long the reader looks at memory in use. */
const LOOK_MS = 4_000;
const PATIENCE_MS = 20_000;

const VIEWS: readonly Column<View>[] = [
  { title: 'POD', cell: ({ pod }) => pod.name },
  { title: 'ASKED FOR', cell: ({ pod }) => pod.asks },
  { title: 'DEVICES SEEN', align: 'right', cell: ({ devices }) => String(devices) },
  { title: 'CUDA SAYS', align: 'right', cell: (view) => toned(mibText(view.cuda_total_bytes / MIB), 'good') },
  { title: 'NVML SAYS', align: 'right', cell: (view) => toned(mibText(view.nvml_total_bytes / MIB), 'good') },
];

export async function walk(scene: Scene): Promise<void> {
  await placeThree(scene);
  await showWhatTheySee(scene);
  await useSome(scene);
  await askTooMuch(scene);
  await hammer(scene);
  await explainTooLarge(scene);
}

const picture = (scene: Scene) => {
  const monitors: readonly Monitor[] = scene.reach.monitors.map((text) => monitorAt(text, 'monitor'));
  return async (): Promise<string> => {
    const { nodes, silent } = await askAll(monitors);
    const look = { nodes, silent, atMs: performance.now() };
    return usageFrame(look, null, { hasColour: scene.stage.hasColour, width: process.stdout.columns });
  };
};

async function placeThree(scene: Scene): Promise<void> {
  const { stage, api } = scene;
  stage.chapter('Three pods ask for parts of one device');
  for (const { name, asks } of DEMO_PODS) stage.say(`   ${name}: ${asks}`);
  await api.makeNamespace();
  for (const pod of DEMO_PODS) await api.createPod(pod);
  const names = DEMO_PODS.map(({ name }) => name);
  await stage.during(
    api.awaitPods(names, (pod) => pod.status?.phase === 'Running'),
    picture(scene),
  );
}

async function showWhatTheySee({ stage, name }: Scene): Promise<void> {
  stage.chapter('Each sees its part as if it were the whole device');
  const views = await Promise.all(
    DEMO_PODS.map(async (pod) => {
      const { devices } = await inPod<{ devices: readonly DeviceSeen[] }>(name, pod.name, ['info']);
      const [first = { cuda_total_bytes: 0, nvml_total_bytes: 0 }] = devices;
      return { pod, devices: devices.length, ...first };
    }),
  );
  stage.say(renderTable(VIEWS, views, stage.hasColour));
}

async function useSome(scene: Scene): Promise<void> {
  scene.stage.chapter('They allocate for a few seconds: used against granted');
  const amounts = { small: '3500', middle: '4096', quarter: '9000' };
  const acts = Object.entries(amounts).map(([pod, mib]) =>
    inPod(scene.name, pod, ['alloc', mib, '--hold', '12']),
  );
  await scene.stage.during(untilUsed(scene, 'small', Number(amounts.small)), picture(scene));
  await Promise.all(acts);
}

/** Until the monitors show it, and a moment more; no longer than the memory is held. */
async function untilUsed({ reach }: Scene, pod: string, mib: number): Promise<void> {
  const monitors = reach.monitors.map((text) => monitorAt(text, 'monitor'));
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(500)) {
    const { nodes } = await askAll(monitors);
    const slices = nodes.flatMap((node) => node.slices);
    if (slices.some((slice) => slice.pod === pod && (slice.usedMiB ?? 0) >= mib)) break;
  }
  await sleep(LOOK_MS);
}

async function askTooMuch(scene: Scene): Promise<void> {
  const { stage, name } = scene;
  stage.chapter('One fills its part, then asks for one MiB more');
  const act = inPod<{ allocated_mib: number; refused_code: number; goes_on: boolean }>(name, 'small', [
    'fill',
  ]);
  const { allocated_mib, refused_code, goes_on } = await stage.during(act, picture(scene));
  stage.say(
    `   It got ${allocated_mib} MiB beside the ${HELD_MIB} it had; the next was refused with CUDA error ${refused_code} (out of memory), ` +
      `and the process ${goes_on ? 'goes on' : 'did not go on'}.`,
  );
}

async function hammer(scene: Scene): Promise<void> {
  const { stage, name } = scene;
  stage.chapter('Four processes of one container allocate and free as fast as they can');
  const argv = ['hammer', '--procs', '4', '--seconds', '6'];
  const act = inPod<{ max_used_bytes: number; refusals: number; operations: number }>(name, 'small', argv);
  const { max_used_bytes, refusals, operations } = await stage.during(act, picture(scene));
  stage.say(
    `   ${operations} operations, ${refusals} refused; with the ${HELD_MIB} MiB held before they never had ` +
      `more than ${Math.ceil(max_used_bytes / MIB) + HELD_MIB} of 4096 MiB.`,
  );
}

async function explainTooLarge({ stage, api, reach }: Scene): Promise<void> {
  stage.chapter(`A pod asks for ${TOO_LARGE.asks}: it has to wait, and Kerf says why`);
  await api.createPod(TOO_LARGE);
  await api.awaitPods([TOO_LARGE.name], () => true);
  const explanation = await explanationOf(reach, `${DEMO_NAMESPACE}/${TOO_LARGE.name}`);
  stage.say(explainFrame(explanation, stage.hasColour));
}

/** Runs the workload in a pod; answers the last JSON line it printed. */
async function inPod<T>(clusterName: string, pod: string, args: readonly string[]): Promise<T> {
  const command = ['exec', '-n', DEMO_NAMESPACE, pod, '--', 'kerf-workload', ...args];
  const ran = await quiet(cluster('kubectl', '--name', clusterName, ...command));
  const line = ran.stdout
    .split('\n')
    .filter((each) => each.startsWith('{'))
    .at(-1);
  if (ran.code !== 0 || line === undefined)
    throw new Error(`kerf-workload ${args.join(' ')} in ${pod}: exit ${ran.code} ${ran.stdout}${ran.stderr}`);
  return JSON.parse(line) as T;
}
