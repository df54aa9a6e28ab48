// SPDX-License-Identifier: Apache-2.0
// The trace through the verbs of the live scheduler, in one process: watch ─▶ filter ─▶ best name ─▶ bind ─▶ watch.
// A stand-in for kube-scheduler names the nodes with CPU and memory left, and places pods that ask for no device.
import { Ledger } from '../../src/core/ledger.js';
import type { NodeView } from '../../src/core/node.js';
import { LivePacking } from '../../src/core/packing/live.js';
import { type Failed, noneFailed } from '../../src/core/packing/arrival.js';
import { classOf } from '../../src/core/packing/workload.js';
import { nodePolicy, type PlacingRules } from '../../src/core/policies.js';
import { createBind } from '../../src/scheduling/bind.js';
import { filter } from '../../src/scheduling/filter.js';
import { type Follower, followPods } from '../../src/scheduling/follow.js';
import { PodMirror } from '../../src/scheduling/pod-mirror.js';
import { VENDORS } from '../../src/vendors/index.js';
import { readNodeFacts } from '../../src/wire/node-view.js';
import type { OpenbPod } from '../../src/wire/openb.js';
import { type PodView, readPodView } from '../../src/wire/pod-view.js';
import type { Trace } from '../../src/apps/cli/trace-files.js';
import { CPU_ONLY, type CpuOnly } from './cpu-only.js';
import { allocatableOf, annotationsOf, NAMESPACE, nodeName, podObject } from './objects.js';

export interface LiveRun {
  readonly allocation: number;
  readonly failed: Failed;
  readonly seconds: number;
}

export async function runLive(trace: Trace, cpuOnly: CpuOnly): Promise<LiveRun> {
  const begun = performance.now();
  const cluster = new LiveCluster(trace);
  const failed = noneFailed();
  let allocated = 0;
  for (const [turn, row] of trace.order.entries()) {
    const pod = trace.pods[row] as OpenbPod;
    const node = await cluster.schedule(pod, turn, CPU_ONLY[cpuOnly]);
    if (node === null) failed[classOf({ ...pod, models: -1 })]++;
    else allocated += pod.gpus * pod.gpuMilli;
  }
  const capacity = trace.nodes.reduce((sum, { gpus }) => sum + 1000 * gpus, 0);
  return { allocation: allocated / capacity, failed, seconds: (performance.now() - begun) / 1000 };
}

class LiveCluster {
  readonly #ledger = new Ledger();
  readonly #packing = new LivePacking(() => this.#ledger.allNodes());
  readonly #mirror = new PodMirror();
  readonly #follower: Follower<PodView>;
  readonly #bind: ReturnType<typeof createBind>;
  readonly #rules: PlacingRules;
  readonly #memoryMiB: Map<string, number>;
  #letter: string | null = null;

  constructor({ nodes }: Trace) {
    this.#rules = {
      nodePolicy: nodePolicy('fragmentation'),
      devicePolicy: ['fragmentation'],
      packing: this.#packing,
    };
    for (const [at, node] of nodes.entries())
      this.#ledger.setNode(
        readNodeFacts(
          {
            metadata: { name: nodeName(at), annotations: annotationsOf(node, at) },
            status: { allocatable: allocatableOf(node) },
          },
          VENDORS,
        ),
      );
    this.#memoryMiB = new Map(nodes.map(({ memoryMiB }, at) => [nodeName(at), memoryMiB]));
    const troubles = {
      tell: (trouble: unknown): never => {
        throw new Error(`trouble: ${JSON.stringify(trouble)}`);
      },
    };
    const state = { ledger: this.#ledger, pods: this.#mirror };
    this.#follower = followPods({ ...state, packing: this.#packing, troubles });
    this.#packing.begin([]);
    this.#bind = createBind({
      ...state,
      reader: { readPod: () => Promise.reject(new Error('nobody is asked')) },
      bindings: {
        write: ({ placement }) => {
          this.#letter = placement;
          return Promise.resolve({ kind: 'written' });
        },
      },
      rulesFor: () => this.#rules,
      assumeMs: 60_000,
      now: () => 0,
    });
  }

  /** The node, or null where it fits nowhere: then it is gone again. */
  async schedule(pod: OpenbPod, turn: number, cpuOnly: (typeof CPU_ONLY)[CpuOnly]): Promise<string | null> {
    const name = `pod-${turn}`;
    const raw = podObject(pod, name) as { readonly metadata: object; readonly spec: object };
    const seen = { ...raw, metadata: { ...raw.metadata, uid: name } };
    const view = readPodView(seen, VENDORS);
    this.#follower.onUpsert(view);
    this.#packing.settle();
    const node = view.asksForDevices
      ? await this.#place(view, pod)
      : cpuOnly(this.#withRoom(pod), pod, { packing: this.#packing, memoryMiB: this.#memoryMiB });
    if (node === null) this.#follower.onDelete(view);
    else this.#confirm(seen, node, pod);
    this.#packing.settle();
    return node;
  }

  async #place(view: PodView, pod: OpenbPod): Promise<string | null> {
    const names = this.#withRoom(pod).map(({ name }) => name);
    const { answer } = filter(view.request, names, { snapshot: this.#ledger, defaults: this.#rules });
    const [node] = answer.nodeNames;
    if (node === undefined) return null;
    const { sentence } = await this.#bind({ uid: view.uid, namespace: NAMESPACE, name: view.name, node });
    if (sentence !== '') throw new Error(`filter named ${node} and bind refused it: ${sentence}`);
    return node;
  }

  /** What kube-scheduler looks at itself. */
  #withRoom({ cpuMilli, memoryMiB }: OpenbPod): readonly NodeView[] {
    return [...this.#ledger.allNodes()].filter(
      ({ name, cpu }) =>
        cpu.allocatable - cpu.held >= cpuMilli && (this.#memoryMiB.get(name) ?? 0) >= memoryMiB,
    );
  }

  #confirm(raw: { readonly metadata: object; readonly spec: object }, node: string, pod: OpenbPod): void {
    this.#memoryMiB.set(node, (this.#memoryMiB.get(node) ?? 0) - pod.memoryMiB);
    const annotations = this.#letter === null ? {} : { 'kerf.dev/placement': this.#letter };
    const bound = {
      metadata: { ...raw.metadata, annotations },
      spec: { ...raw.spec, nodeName: node },
      status: { phase: 'Running' },
    };
    this.#letter = null;
    this.#follower.onUpsert(readPodView(bound, VENDORS));
  }
}
