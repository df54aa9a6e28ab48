// SPDX-License-Identifier: Apache-2.0
// Manifests of the journeys: each names only what matters to it.

export interface Ask {
  readonly gpu?: number;
  readonly mem?: number | string;
  readonly percent?: number;
  readonly cores?: number;
  /** 0 high, 1 low. */
  readonly priority?: number;
}

export interface ContainerOptions {
  readonly name?: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly restartPolicy?: 'Always';
  readonly extra?: Readonly<Record<string, unknown>>;
}

export const WORKLOAD_IMAGE = 'kerf-workload:test';
export const BUSYBOX_IMAGE = 'busybox:test';
export const FOREVER = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'];

export function limitsOf(ask: Ask): Record<string, string> {
  const rows: [string, number | string | undefined][] = [
    ['nvidia.com/gpu', ask.gpu],
    ['nvidia.com/gpu-mem', ask.mem],
    ['nvidia.com/gpu-mem-percentage', ask.percent],
    ['nvidia.com/gpu-cores', ask.cores],
    ['nvidia.com/priority', ask.priority],
  ];
  return Object.fromEntries(
    rows.filter(([, value]) => value !== undefined).map(([key, value]) => [key, String(value)]),
  );
}

export function container(ask: Ask | null, options: ContainerOptions = {}): Record<string, unknown> {
  return {
    name: options.name ?? 'main',
    image: options.image ?? WORKLOAD_IMAGE,
    imagePullPolicy: 'Never',
    command: options.command ?? FOREVER,
    ...(options.restartPolicy ? { restartPolicy: options.restartPolicy } : {}),
    ...(ask === null ? {} : { resources: { limits: limitsOf(ask) } }),
    ...options.extra,
  };
}

export interface PodOptions {
  readonly namespace: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly init?: readonly Record<string, unknown>[];
  readonly spec?: Readonly<Record<string, unknown>>;
}

export function pod(
  name: string,
  containers: readonly Record<string, unknown>[],
  options: PodOptions,
): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: options.namespace,
      ...(options.annotations ? { annotations: options.annotations } : {}),
      ...(options.labels ? { labels: options.labels } : {}),
    },
    spec: podSpec(containers, options),
  };
}

function podSpec(containers: readonly Record<string, unknown>[], options: PodOptions): object {
  return {
    terminationGracePeriodSeconds: 1,
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    ...(options.init ? { initContainers: options.init } : {}),
    containers,
    ...options.spec,
  };
}

export function deployment(
  name: string,
  replicas: number,
  options: PodOptions & { readonly containers: readonly Record<string, unknown>[] },
): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: options.namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...options.labels }, annotations: options.annotations ?? {} },
        spec: podSpec(options.containers, options),
      },
    },
  };
}

/** Several objects as one document that `kubectl apply -f -` takes. */
export function listOf(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
