// SPDX-License-Identifier: Apache-2.0
// The fields of pods and nodes that wire/pod-view and wire/node-view read, by their numbers in k8s.io/api
// core/v1/generated.proto and apimachinery meta/v1/generated.proto (v0.36.3; numbers never change). A reader that wants
// another field needs a row here: test/cluster/protobuf.test.ts compares both forms on a real API server.
import type { Shape } from './protobuf.js';

const META: Shape = {
  1: { name: 'name', kind: 'text' },
  3: { name: 'namespace', kind: 'text' },
  5: { name: 'uid', kind: 'text' },
  6: { name: 'resourceVersion', kind: 'text' },
  9: { name: 'deletionTimestamp', kind: 'one', of: {} },
  11: { name: 'labels', kind: 'texts' },
  12: { name: 'annotations', kind: 'texts' },
  13: { name: 'ownerReferences', kind: 'many', of: { 1: { name: 'kind', kind: 'text' } } },
};

const RESOURCES: Shape = {
  1: { name: 'limits', kind: 'quantities' },
  2: { name: 'requests', kind: 'quantities' },
};

const CONTAINER: Shape = {
  1: { name: 'name', kind: 'text' },
  8: { name: 'resources', kind: 'one', of: RESOURCES },
  24: { name: 'restartPolicy', kind: 'text' },
};

const STATE: Shape = {
  2: { name: 'running', kind: 'one', of: {} },
  3: { name: 'terminated', kind: 'one', of: {} },
};

const CONTAINER_STATUS: Shape = {
  1: { name: 'name', kind: 'text' },
  2: { name: 'state', kind: 'one', of: STATE },
  3: { name: 'lastState', kind: 'one', of: STATE },
};

const POD_SPEC: Shape = {
  2: { name: 'containers', kind: 'many', of: CONTAINER },
  10: { name: 'nodeName', kind: 'text' },
  19: { name: 'schedulerName', kind: 'text' },
  20: { name: 'initContainers', kind: 'many', of: CONTAINER },
  32: { name: 'overhead', kind: 'quantities' },
  40: { name: 'resources', kind: 'one', of: RESOURCES },
};

const POD_STATUS: Shape = {
  1: { name: 'phase', kind: 'text' },
  10: { name: 'initContainerStatuses', kind: 'many', of: CONTAINER_STATUS },
};

export const POD: Shape = {
  1: { name: 'metadata', kind: 'one', of: META },
  2: { name: 'spec', kind: 'one', of: POD_SPEC },
  3: { name: 'status', kind: 'one', of: POD_STATUS },
};

export const NODE: Shape = {
  1: { name: 'metadata', kind: 'one', of: META },
  3: { name: 'status', kind: 'one', of: { 2: { name: 'allocatable', kind: 'quantities' } } },
};
