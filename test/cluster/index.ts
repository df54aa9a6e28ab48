// SPDX-License-Identifier: Apache-2.0
/** The real cluster, for tests, benches and the demo. The picture is in README.md. */
export { INSIDE as INSIDE_ADDRESSES, nodeAddress } from './addresses.js';
export { Api, type ApiAnswer, type ApiRequest } from './api.js';
export { type ApiNodeOptions, makeApiOnlyNodes } from './api-nodes.js';
export { type AuditEntry, type AuditFilter, isWrite, readAudit, writesByUser } from './audit.js';
export { ensureHelm, VERSIONS } from './binaries.js';
export { type Cluster, type ClusterNode, openCluster } from './cluster.js';
export { schedulerConfiguration } from './control-plane.js';
export { ensureUnpacked, type Unpacked } from './debian.js';
export { downCluster } from './down.js';
export * from './faults.js';
export * from './identities.js';
export { BUSYBOX_IMAGE, type ImageRecipe, PAUSE_IMAGE, WORKLOAD_IMAGE, workloadImage } from './images.js';
export { type ClusterOptions, type GpuRow, parseGpus, parseLabels, UsageError } from './options.js';
export { until } from './pids.js';
export {
  execIn,
  findProgram,
  isRunning,
  listPrograms,
  type Program,
  type ProgramSpec,
  removeIn,
  restartIn,
  signalIn,
  spawnIn,
  startIn,
  stopIn,
} from './programs.js';
export { progressTo } from './progress.js';
export { apply, awaitPhase, phaseOf, shellPod } from './pods.js';
export { canIsolate } from './namespace.js';
export { openRelay } from './relay.js';
export { importArchive, importImage } from './runtime.js';
export type { Output } from './shell.js';
export { awaitNode, upCluster } from './up.js';
