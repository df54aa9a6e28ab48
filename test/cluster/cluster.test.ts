// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  apply,
  awaitNode,
  awaitPhase,
  type Cluster,
  downCluster,
  importImage,
  isRunning,
  listPrograms,
  makeApiOnlyNodes,
  openCluster,
  openRelay,
  phaseOf,
  readAudit,
  rebootNode,
  restartIn,
  restartKubelet,
  schedulerConfiguration,
  serviceAccountKubeconfig,
  shellPod,
  spawnIn,
  startApiServer,
  stopApiServer,
  stopIn,
  until,
  upCluster,
  userKubeconfig,
  writesByUser,
} from './index.js';
import { isAlive, killPid, type Pid, waitGone } from './pids.js';
import { run } from './shell.js';

const NAME = 'own-test';

/** What a cluster must not leave on the machine. */
async function traces(stateDir: string): Promise<object> {
  return {
    interfaces: (await run(['ip', '-o', 'link'])).stdout
      .split('\n')
      .filter((line) => /: (kb|kerf|veth)/.test(line)),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(stateDir)),
    stateDir: existsSync(stateDir),
    cgroups: (await run(['find', '/sys/fs/cgroup', '-name', `kerf-${basename(stateDir)}`])).stdout,
  };
}

const NOTHING = { interfaces: [], mounts: [], stateDir: false, cgroups: '' };

const pidsOf = (cluster: Cluster): Pid[] => [
  ...(cluster.init ? [cluster.init] : []),
  ...cluster.nodes.map((node) => node.init),
  ...listPrograms(cluster).map((program) => program.pid),
];

/** Processes of the machine that live in any of these namespaces' state, by what they were started with. */
function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && entry !== String(process.pid))
    .map((pid) => (existsSync(`/proc/${pid}/cmdline`) ? commandLine(pid) : ''))
    .filter((line) => line.includes(text));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it ended meanwhile
  }
}

/** What a server says first; nothing where it hangs up. */
function firstWords(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', (chunk) => resolve(chunk.toString().trim()));
    socket.once('error', () => undefined).once('close', () => resolve(''));
  });
}

afterAll(() => downCluster(NAME));

describe('a cluster of two nodes', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    const gpus = { n1: [{ model: 'A100-40G', count: 2 }] };
    cluster = await upCluster({ name: NAME, nodes: 2, gpus, labels: { n1: { gpu: 'on' } }, cdiOff: ['n2'] });
  });

  test('a second up with the same wishes answers the same cluster', async () => {
    const { shape } = cluster;
    const again = await upCluster({ ...shape });
    expect(again.init).toEqual(cluster.init);
    expect(openCluster(NAME)?.nodes).toEqual(cluster.nodes);
  });

  test('a second up with other wishes is refused in one sentence', async () => {
    await expect(upCluster({ name: NAME, nodes: 3 })).rejects.toThrow(/already runs with other options/);
  });

  test('nodes carry their labels and what fake GPUs they are meant to have', async () => {
    const { body } = await cluster.api.call({ method: 'GET', path: '/api/v1/nodes?labelSelector=gpu%3Don' });
    expect(body.items.map((node: { metadata: { name: string } }) => node.metadata.name)).toEqual(['n1']);
    expect(cluster.nodes[0]?.gpus).toEqual([{ model: 'A100-40G', count: 2 }]);
  });

  test('each node runs a pod that reaches the API server through its service', async () => {
    const line = 'nc -w 5 10.96.0.1 443 </dev/null && echo reached && sleep 1000';
    await apply(cluster, shellPod('on-n1', line, 'n1'), shellPod('on-n2', line, 'n2'));
    for (const name of ['on-n1', 'on-n2']) {
      await awaitPhase(cluster, name, 'Running');
      const reached = async (): Promise<boolean> =>
        (await cluster.kubectl(['logs', name])).stdout.includes('reached');
      expect(await until(reached, 20_000, 200)).toBe(true);
    }
    const exec = await cluster.kubectl(['exec', 'on-n2', '--', 'hostname']);
    expect(exec.stdout.trim()).toBe('on-n2');
  });

  test('a program built for glibc runs in the workload image', async () => {
    const image = { name: 'docker.io/library/mine:test', files: { '/usr/bin/true': '/bin/true' } };
    await importImage(cluster, 'n1', { ...image, cmd: ['/bin/true'] });
    const images = await cluster.exec('n1', [
      'ctr',
      '-a',
      '/run/containerd/containerd.sock',
      '-n',
      'k8s.io',
      'images',
      'ls',
      '-q',
    ]);
    expect(images.stdout.split('\n')).toEqual(
      expect.arrayContaining(['docker.io/library/mine:test', 'docker.io/library/kerf-workload:test']),
    );
  });

  test('a node has its own folders, which the machine does not see', async () => {
    const write = 'echo here > /etc/cdi/own-test.json; echo here > /opt/kerf/own-test; ls /var/lib/kubelet';
    const output = await cluster.exec('n1', ['sh', '-c', write]);
    expect(output.stdout).toContain('device-plugins');
    expect(existsSync('/etc/cdi/own-test.json')).toBe(false);
    expect(existsSync(`${cluster.nodes[0]?.outsideRoot}/etc/cdi/own-test.json`)).toBe(true);
    expect((await cluster.exec('n2', ['ls', '/etc/cdi'])).stdout).toBe('');
  });

  test('kubelet sockets of a node are reachable from outside by path', async () => {
    const socket = connect(`${cluster.nodes[0]?.outsideKubeletDir}/pod-resources/kubelet.sock`);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.destroy();
  });

  test('a second scheduler runs with a configuration of the caller', async () => {
    const profile = {
      ...schedulerConfiguration(cluster.insideKubeconfigPath),
      profiles: [{ schedulerName: 'second' }],
    };
    const file = `${cluster.stateDir}/conf/second.yaml`;
    await cluster.execInside(['sh', '-c', 'cat > "$0"', file], { input: JSON.stringify(profile) });
    const argv = ['kube-scheduler', `--config=${file}`, '--secure-port=10359'];
    await spawnIn(cluster, { name: 'second-scheduler', argv });
    const pod = shellPod('by-second', 'sleep 1000') as { spec: object };
    await apply(cluster, { ...pod, spec: { ...pod.spec, schedulerName: 'second' } });
    await awaitPhase(cluster, 'by-second', 'Running');
    const first = await restartIn(cluster, 'second-scheduler');
    expect(isAlive(first.pid)).toBe(true);
    await stopIn(cluster, 'second-scheduler');
    expect(isRunning(cluster, 'second-scheduler')).toBe(false);
  });

  test('a relay makes a program of a node reachable from outside', async () => {
    const argv = ['busybox', 'nc', '-ll', '-p', '7000', '-e', 'echo', 'hello'];
    await spawnIn(cluster, { name: 'server', node: 'n1', argv });
    const port = await openRelay(cluster, 'server-relay', '192.0.2.11:7000');
    const says = async (): Promise<boolean> => (await firstWords(port)) === 'hello';
    expect(await until(says, 10_000, 50)).toBe(true);
  });

  test('users and service accounts are who they say, and may what RBAC says', async () => {
    const account = await serviceAccountKubeconfig(cluster, 'default', 'default');
    const tenant = await userKubeconfig(cluster, 'alice', ['tenants']);
    const who = async (kubeconfig: string): Promise<string> =>
      (await run([`${cluster.binDir}/kubectl`, `--kubeconfig=${kubeconfig}`, 'auth', 'whoami', '-o', 'json']))
        .stdout;
    expect(JSON.parse(await who(account.outside)).status.userInfo.username).toBe(
      'system:serviceaccount:default:default',
    );
    expect(JSON.parse(await who(tenant.outside)).status.userInfo.groups).toContain('tenants');
    const inside = await cluster.execInside(['kubectl', `--kubeconfig=${tenant.inside}`, 'get', 'pods']);
    expect(inside.stderr).toContain('"alice" cannot list');
  });

  test('the audit log counts writes by user', async () => {
    const since = new Date();
    await apply(cluster, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'counted' } });
    const entries = await readAudit(cluster, { user: 'kerf-admin', resource: 'configmaps', since });
    expect(writesByUser(entries)).toEqual(new Map([['kerf-admin', 1]]));
    expect(entries.at(-1)).toMatchObject({
      verb: 'create',
      name: 'counted',
      code: 201,
      stage: 'ResponseComplete',
    });
  });

  test('pods go on through a restart of kubelet and an absence of the API server', async () => {
    const started = async (): Promise<string> =>
      (await cluster.kubectl(['get', 'pod', 'on-n1', '-o', 'jsonpath={.status.containerStatuses[0].state}']))
        .stdout;
    const before = await started();
    await Promise.all([restartKubelet(cluster, 'n1'), stopApiServer(cluster)]);
    await startApiServer(cluster);
    await awaitNode(cluster, 'n1');
    expect(await started()).toBe(before);
  });

  test('a rebooted node keeps its disk and loses its processes', async () => {
    const rebooted = await rebootNode(cluster, 'n1');
    const kept = await rebooted.exec('n1', ['cat', '/etc/cdi/own-test.json']);
    expect(kept.stdout.trim()).toBe('here');
    expect(isRunning(rebooted, 'server')).toBe(false);
    await awaitNode(rebooted, 'n1');
    await apply(rebooted, shellPod('after-reboot', 'sleep 1000', 'n1'));
    await awaitPhase(rebooted, 'after-reboot', 'Running');
    expect(await until(async () => (await phaseOf(rebooted, 'on-n1')) === 'Failed', 60_000, 200)).toBe(true);
  });

  test('down leaves nothing behind', async () => {
    const last = openCluster(NAME);
    const pids = last ? pidsOf(last) : [];
    expect(pids.length).toBeGreaterThan(10);
    await downCluster(NAME);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(processesNaming(cluster.stateDir)).toEqual([]);
    expect(await traces(cluster.stateDir)).toEqual(NOTHING);
  });
});

describe('a cluster whose first process was killed', () => {
  test('leaves no process, mount or interface, and the next up works', async () => {
    const killed = await upCluster({ name: NAME });
    const pids = pidsOf(killed);
    if (killed.init) killPid(killed.init, 'SIGKILL');
    for (const pid of pids) expect(await waitGone(pid, 10_000)).toBe(true);
    expect(await traces(killed.stateDir)).toMatchObject({ interfaces: [], mounts: [] });
    expect(openCluster(NAME)).toBeUndefined();
    const next = await upCluster({ name: NAME });
    await apply(next, shellPod('again', 'sleep 1000'));
    await awaitPhase(next, 'again', 'Running');
    await downCluster(NAME);
  });
});

describe('a cluster without nodes', () => {
  test('stands beside another of another name and schedules onto nodes that are only objects', async () => {
    const [one, two] = await Promise.all([
      upCluster({ name: NAME, apiOnly: true, scheduler: true }),
      upCluster({ name: `${NAME}-2`, apiOnly: true, controllers: false }),
    ]);
    const names = await makeApiOnlyNodes(one, { count: 20, allocatable: { 'kerf.dev/slots': '10' } });
    expect(names.at(-1)).toBe('node-0020');
    await apply(one, shellPod('bound', 'true'));
    const path = '/api/v1/namespaces/default/pods/bound';
    const bound = async (): Promise<boolean> =>
      names.includes((await one.api.call({ method: 'GET', path })).body.spec.nodeName);
    expect(await until(bound, 20_000, 50)).toBe(true);
    expect((await two.api.call({ method: 'GET', path: '/api/v1/nodes' })).body.items).toEqual([]);
    await Promise.all([downCluster(NAME), downCluster(`${NAME}-2`)]);
    expect(await traces(one.stateDir)).toEqual(NOTHING);
  });

  test('does without namespaces where nobody may make them', async () => {
    const cluster = await upCluster({ name: NAME, apiOnly: true, isolated: false });
    const pids = pidsOf(cluster);
    expect(cluster.apiUrlInside).toBe(cluster.apiUrl);
    expect((await cluster.kubectl(['get', 'namespace', 'default'])).code).toBe(0);
    await downCluster(NAME);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(openCluster(NAME)).toBeUndefined();
  });

  test('has no real nodes without namespaces, and says so', async () => {
    await expect(upCluster({ name: NAME, isolated: false })).rejects.toThrow(/needs root/);
  });
});
