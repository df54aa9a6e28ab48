// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { allAddresses, INSIDE, looseAddresses, nodeAddress, podCidrOf } from './addresses.js';
import { Api } from './api.js';
import { ensureBinaries } from './binaries.js';
import { type Authority, readIdentity } from './certs.js';
import { type Cluster, clusterOf, openCluster, outsideKubeconfigOf } from './cluster.js';
import {
  apiServer,
  controllers,
  etcd,
  type Plan,
  prepareControlPlane,
  proxy,
  scheduler,
} from './control-plane.js';
import { lockOf, tearDown } from './down.js';
import { buildImage } from './images.js';
import { kubeconfig, writeKubeconfig } from './kubeconfig.js';
import { withLock } from './lock.js';
import { canIsolate, openClusterNamespace, openNodeNamespace } from './namespace.js';
import { containerd, kubelet, prepareNode } from './node.js';
import { type ClusterOptions, type ClusterShape, nodeNames, shapeOf, UsageError } from './options.js';
import { ensurePackages } from './packages.js';
import { stateDirOf } from './paths.js';
import { type Pid, until } from './pids.js';
import { findProgram, type Place, spawnIn, tail } from './programs.js';
import { openRelay } from './relay.js';
import { imageCache, importArchive, standardImages, waitForRuntime } from './runtime.js';
import { type ClusterState, type NodeState, writeState, writeWhole } from './state.js';

const silent = (): void => undefined;

/**
 * Brings a cluster up and answers when the API server is ready, nodes are Ready and the default service account is there.
 * One that already runs with the same shape is answered as it is; what a killed run left is removed first.
 */
export async function upCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const shape = shapeOf(options, canIsolate());
  const progress = options.onProgress ?? silent;
  await ensurePackages(shape.apiOnly, progress);
  const binDir = await ensureBinaries(!shape.isolated, progress);
  return withLock(lockOf(shape.name), async () => {
    const running = openCluster(shape.name);
    if (running) return reuse(running, shape);
    await tearDown(shape.name);
    return new Start({ ...options, onProgress: progress }, shape, binDir).run();
  });
}

function reuse(running: Cluster, shape: ClusterShape): Cluster {
  if (isDeepStrictEqual(running.shape, shape)) return running;
  throw new UsageError(
    `cluster '${shape.name}' already runs with other options: end it first (down --name ${shape.name}).`,
  );
}

/** One start, step by step. */
class Start {
  readonly #stateDir: string;
  readonly #say: (step: string) => void;

  constructor(
    readonly options: ClusterOptions,
    readonly shape: ClusterShape,
    readonly binDir: string,
  ) {
    this.#stateDir = stateDirOf(shape.name);
    this.#say = options.onProgress ?? silent;
  }

  async run(): Promise<Cluster> {
    try {
      return await this.#steps();
    } catch (cause) {
      if (!process.env.KERF_CLUSTER_KEEP) await tearDown(this.shape.name);
      throw cause;
    }
  }

  async #steps(): Promise<Cluster> {
    for (const dir of ['logs', 'disk']) mkdirSync(join(this.#stateDir, dir), { recursive: true });
    const init = this.shape.isolated ? await this.#openNamespace() : undefined;
    const place: Place = {
      stateDir: this.#stateDir,
      binDir: this.binDir,
      nodes: [],
      ...(init ? { init } : {}),
    };
    const plan = await this.#plan();
    const authority = await prepareControlPlane(plan);
    const [outsidePort, nodes] = await Promise.all([
      this.#startControlPlane(place, plan, authority),
      this.#startRuntimes(place, plan, authority),
    ]);
    const state: ClusterState = {
      ...{ shape: this.shape, binDir: this.binDir, addresses: plan.addresses },
      ...(init ? { init } : {}),
      ...{ nodes, outsidePort, ready: false },
    };
    writeState(this.#stateDir, state);
    await this.#startRest({ ...place, nodes }, plan);
    const cluster = clusterOf(this.#stateDir, state);
    await this.#awaitReady(cluster);
    writeState(this.#stateDir, { ...state, ready: true });
    return cluster;
  }

  async #openNamespace(): Promise<Pid> {
    const init = await openClusterNamespace(this.#stateDir, this.binDir, allAddresses(this.shape.nodes));
    writeWhole(join(this.#stateDir, 'init.json'), JSON.stringify(init)); // for whoever cleans up after a kill
    return init;
  }

  async #plan(): Promise<Plan> {
    const addresses = this.shape.isolated ? INSIDE : await looseAddresses();
    const { shape, binDir } = this;
    return {
      shape,
      binDir,
      stateDir: this.#stateDir,
      addresses,
      etcdDir: join(this.#stateDir, 'disk', 'etcd'),
    };
  }

  async #startControlPlane(place: Place, plan: Plan, authority: Authority): Promise<number> {
    this.#say('starting etcd and the API server');
    await spawnIn(place, etcd(plan));
    await spawnIn(place, apiServer(plan));
    const port = await openRelay(place, 'api-relay', `${plan.addresses.advertise}:${plan.addresses.api}`);
    const identity = readIdentity(join(this.#stateDir, 'pki'), 'admin');
    const url = `https://127.0.0.1:${port}`;
    writeKubeconfig(outsideKubeconfigOf(this.#stateDir), kubeconfig(url, authority.certPem, { identity }));
    const api = new Api(url, authority.certPem, identity);
    await awaitApi(place, api);
    await api.close();
    this.#say('API server is ready');
    return port;
  }

  async #startRuntimes(place: Place, plan: Plan, authority: Authority): Promise<NodeState[]> {
    if (this.shape.nodes === 0 || !place.init) return [];
    const recipes = standardImages(this.binDir, this.options.workloadFiles ?? {});
    const archives = await Promise.all(recipes.map((recipe) => buildImage(recipe, imageCache())));
    const outer = { ...place, init: place.init };
    const nodes = await Promise.all(
      nodeNames(this.shape.nodes).map(async (name) => {
        await prepareNode(plan, authority, name);
        const init = await openNodeNamespace(outer, name);
        return { name, init, address: nodeAddress(name), podCidr: podCidrOf(name) };
      }),
    );
    const whole = { ...place, nodes };
    await Promise.all(nodes.map((node) => this.#startRuntime(whole, plan, { node: node.name, archives })));
    return nodes;
  }

  async #startRuntime(
    place: Place,
    plan: Plan,
    to: { node: string; archives: readonly string[] },
  ): Promise<void> {
    await spawnIn(place, containerd(plan, to.node));
    await waitForRuntime(place, to.node);
    for (const archive of to.archives) await importArchive(place, to.node, archive);
    this.#say(`${to.node}: containerd runs and has its images`);
  }

  async #startRest(place: Place, plan: Plan): Promise<void> {
    const specs = [
      ...(this.shape.controllers ? [controllers(plan)] : []),
      ...(this.shape.scheduler ? [scheduler(plan)] : []),
      ...place.nodes.map((node) => kubelet(plan, node.name)),
      ...(place.nodes.length > 0 ? [proxy(plan)] : []),
    ];
    await Promise.all(specs.map((spec) => spawnIn(place, spec)));
    this.#say(`started ${specs.map((spec) => spec.name).join(', ') || 'nothing else'}`);
  }

  async #awaitReady(cluster: Cluster): Promise<void> {
    if (this.shape.controllers) await awaitServiceAccount(cluster);
    for (const node of cluster.nodes) await awaitNode(cluster, node.name);
    if (cluster.nodes.length > 0) this.#say('all nodes are Ready');
  }
}

export async function awaitApi(place: Place, api: Api, timeoutMs = 90_000): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    try {
      return (await api.call({ method: 'GET', path: '/readyz' })).status === 200;
    } catch {
      return false;
    }
  };
  if (await until(isReady, timeoutMs, 50)) return;
  throw new Error(`the API server did not become ready: ${logOf(place, 'kube-apiserver')}`);
}

async function awaitServiceAccount(cluster: Cluster): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  const exists = async (): Promise<boolean> =>
    (await cluster.api.call({ method: 'GET', path })).status === 200;
  if (await until(exists, 60_000, 100)) return;
  throw new Error(`the default service account was not made: ${logOf(cluster, 'kube-controller-manager')}`);
}

interface Condition {
  readonly type: string;
  readonly status: string;
}

/** Ready, and the taint of its first seconds taken off. */
export async function awaitNode(cluster: Cluster, node: string, timeoutMs = 90_000): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    const answer = await cluster.api.call({ method: 'GET', path: `/api/v1/nodes/${node}` });
    const conditions = (answer.body?.status?.conditions ?? []) as Condition[];
    const isTainted = (answer.body?.spec?.taints ?? []).length > 0;
    return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') && !isTainted;
  };
  if (await until(isReady, timeoutMs, 100)) return;
  throw new Error(`node ${node} did not become Ready: ${logOf(cluster, `kubelet-${node}`)}`);
}

function logOf(place: Place, program: string): string {
  const logFile = findProgram(place, program)?.logFile;
  return logFile ? `${tail(logFile)} (${logFile})` : 'it was never started';
}
