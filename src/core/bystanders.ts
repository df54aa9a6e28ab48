// SPDX-License-Identifier: Apache-2.0
// Pods that ask for no device. They are not ours to place, but they take CPU, and a device without CPU beside it
// serves nobody. There may be many more of them than of ours: a node, a number and a flag of each are kept.

export interface Bystander {
  readonly node: string;
  /** Requested, as the kubelet counts. */
  readonly cpuMilli: number;
  /** It comes with the node and goes with it (DaemonSet, static pod): its CPU is as good as not there. */
  readonly isOfNode: boolean;
}

/** CPU on one node, in thousandths. */
export interface CpuBeside {
  readonly own: number;
  readonly others: number;
}

export const NONE_BESIDE: CpuBeside = { own: 0, others: 0 };

export class Bystanders {
  private readonly pods = new Map<string, Bystander>();
  private readonly sums = new Map<string, CpuBeside>();

  /** Answers the nodes on which something changed. */
  put(uid: string, pod: Bystander): readonly string[] {
    const before = this.pods.get(uid);
    const isKnown = before?.node === pod.node && before.cpuMilli === pod.cpuMilli;
    if (isKnown && before.isOfNode === pod.isOfNode) return [];
    const left = this.take(uid);
    if (pod.cpuMilli === 0) return left;
    this.pods.set(uid, pod);
    this.add(pod, 1);
    return [...left, pod.node];
  }

  take(uid: string): readonly string[] {
    const pod = this.pods.get(uid);
    if (pod === undefined) return [];
    this.pods.delete(uid);
    this.add(pod, -1);
    return [pod.node];
  }

  on(node: string): CpuBeside {
    return this.sums.get(node) ?? NONE_BESIDE;
  }

  get(uid: string): Bystander | undefined {
    return this.pods.get(uid);
  }

  all(): IterableIterator<[string, Bystander]> {
    return this.pods.entries();
  }

  private add({ node, cpuMilli, isOfNode }: Bystander, sign: 1 | -1): void {
    const { own, others } = this.on(node);
    const milli = sign * cpuMilli;
    const sum = isOfNode ? { own: own + milli, others } : { own, others: others + milli };
    if (sum.own === 0 && sum.others === 0) this.sums.delete(node);
    else this.sums.set(node, sum);
  }
}
