// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeAddress } from './addresses.js';
import { type Authority, issue, writeIdentity } from './certs.js';
import { cniConfiguration } from './cni.js';
import { insideUrl, type Plan } from './control-plane.js';
import { PAUSE_IMAGE } from './images.js';
import { kubeconfig, writeKubeconfig } from './kubeconfig.js';
import type { ProgramSpec } from './programs.js';

/** Paths as the node sees them. */
export const CRI_SOCKET = '/run/containerd/containerd.sock';
export const KUBELET_DIR = '/var/lib/kubelet';

const file = (plan: Plan, node: string, name: string): string => join(plan.stateDir, 'nodes', node, name);

/** Certificate and configuration of one node. */
export async function prepareNode(plan: Plan, authority: Authority, node: string): Promise<void> {
  const dir = file(plan, node, '');
  mkdirSync(file(plan, node, 'net.d'), { recursive: true });
  const identity = await issue(authority, {
    name: `system:node:${node}`,
    groups: ['system:nodes'],
    ips: [nodeAddress(node)],
    dns: [node],
  });
  writeIdentity(dir, 'kubelet', identity);
  const text = kubeconfig(insideUrl(plan.addresses), authority.certPem, { identity });
  writeKubeconfig(file(plan, node, 'kubelet.conf'), text);
  writeFileSync(file(plan, node, 'kubelet.yaml'), JSON.stringify(kubeletConfiguration(plan, node)));
  writeFileSync(file(plan, node, 'containerd.toml'), containerdConfiguration(plan, node));
  writeFileSync(file(plan, node, 'net.d/10-kerf.conflist'), cniConfiguration(node));
}

/** What is unusual here suits a small machine without cgroup v2, disk limits or CAP_SYS_RESOURCE. */
function kubeletConfiguration(plan: Plan, node: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress(node),
    healthzBindAddress: nodeAddress(node),
    containerRuntimeEndpoint: `unix://${CRI_SOCKET}`,
    tlsCertFile: file(plan, node, 'kubelet.crt'),
    tlsPrivateKeyFile: file(plan, node, 'kubelet.key'),
    // A test cluster that nothing outside its network namespace can reach.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    resolvConf: '',
    clusterDNS: ['10.96.0.10'], // none answers there; without an address every pod gets a warning event
    clusterDomain: 'cluster.local',
    maxPods: 600,
    podsPerCore: 0,
    kubeAPIQPS: 500,
    kubeAPIBurst: 1000,
    eventRecordQPS: 500,
    eventBurst: 1000,
    registryPullQPS: 0,
    serializeImagePulls: false,
    nodeStatusUpdateFrequency: '2s', // new device-plugin capacities are seen soon; nothing is written without a change
    imageGCHighThresholdPercent: 100, // our images cannot be pulled again
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  };
}

function containerdConfiguration(plan: Plan, node: string): string {
  // containerd 2.4 has no `enable_cdi` any more: without folders it knows no device of anybody.
  const cdiDirs = plan.shape.cdiOff.includes(node) ? '' : `'/etc/cdi', '/var/run/cdi'`;
  return `version = 3
root = '/var/lib/containerd'
state = '/run/containerd'

[grpc]
  address = '${CRI_SOCKET}'

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${PAUSE_IMAGE}'

[plugins.'io.containerd.cri.v1.runtime']
  cdi_spec_dirs = [${cdiDirs}]
  # Without CAP_SYS_RESOURCE runc could not lower the score and would die.
  restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/usr/lib/cni']
  conf_dir = '${file(plan, node, 'net.d')}'
`;
}

export const containerdName = (node: string): string => `containerd-${node}`;
export const kubeletName = (node: string): string => `kubelet-${node}`;

export function containerd(plan: Plan, node: string): ProgramSpec {
  const argv = [
    join(plan.binDir, 'containerd'),
    '--config',
    file(plan, node, 'containerd.toml'),
    '--log-level=warn',
  ];
  return { name: containerdName(node), node, argv };
}

export function kubelet(plan: Plan, node: string): ProgramSpec {
  const labels = Object.entries(plan.shape.labels[node] ?? {}).map(([key, value]) => `${key}=${value}`);
  const argv = [
    join(plan.binDir, 'kubelet'),
    `--config=${file(plan, node, 'kubelet.yaml')}`,
    `--kubeconfig=${file(plan, node, 'kubelet.conf')}`,
    `--root-dir=${KUBELET_DIR}`,
    `--hostname-override=${node}`,
    `--node-ip=${nodeAddress(node)}`,
    ...(labels.length > 0 ? [`--node-labels=${labels.join(',')}`] : []),
    '--v=2',
  ];
  return { name: kubeletName(node), node, argv };
}
