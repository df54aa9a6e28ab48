// SPDX-License-Identifier: Apache-2.0
// Letter: Kubernetes nodes and pods, as `kubectl get -o yaml` gives them, cut down to what packing counts.
import type { Device } from '../core/device.js';
import { peakOf } from '../core/phases.js';
import type { ContainerRequest, DeviceChoice, PodRequest, SliceRequest } from '../core/request.js';
import { err, ok, type Result } from '../core/result.js';
import type { Vendor } from '../vendors/index.js';
import { isRecord, shown } from './json.js';
import { readNodeFacts } from './node-view.js';
import type { OpenbNode, OpenbPod } from './openb.js';
import {
  type Amounts,
  type ContainerLike,
  containersOf,
  type PodLike,
  readPodRequest,
  sentenceOf,
} from './pod.js';
import { milliOf, parseQuantity } from './quantity.js';

const MIB = 1n << 20n;
const WHOLE = 1000;

/** Devices of all nodes, as far as they are told: a memory wish is a part of one of them. */
export interface PackingNodes {
  readonly nodes: readonly OpenbNode[];
  readonly devices: readonly Device[];
}

/** Lists are opened; objects of other kinds are passed over. */
export function objectsOf(documents: readonly unknown[], kind: 'Node' | 'Pod'): readonly unknown[] {
  return documents.flatMap((document) => {
    if (!isRecord(document)) return [];
    if (Array.isArray(document.items)) return objectsOf(document.items, kind);
    return document.kind === kind ? [document] : [];
  });
}

export function readPackingNodes(objects: readonly unknown[], vendors: readonly Vendor[]): PackingNodes {
  const facts = objects.map((object) => ({ object, facts: readNodeFacts(object, vendors) }));
  const nodes = facts.map(({ object, facts: { name, devices, slots } }): OpenbNode => {
    const status = isRecord(object) && isRecord(object.status) ? object.status : {};
    const amounts = (isRecord(status.allocatable) ? status.allocatable : status.capacity) as
      | Amounts
      | undefined;
    // A node that has not told its devices has as many as its kubelet gives out.
    const gpus =
      devices.length > 0 ? devices.length : [...slots.values()].reduce((sum, count) => sum + count, 0);
    return {
      name,
      cpuMilli: Number(amountOf(amounts, 'cpu')),
      memoryMiB: Number(amountOf(amounts, 'memory') / 1000n / MIB),
      gpus,
      model: devices[0]?.model ?? '',
    };
  });
  return { nodes, devices: facts.flatMap(({ facts: { devices } }) => devices) };
}

/** Thousandths; 0 where nothing readable stands. */
function amountOf(amounts: Amounts | undefined, name: string): bigint {
  const amount: unknown = amounts?.[name];
  const isAmount = typeof amount === 'string' || typeof amount === 'number';
  const quantity = isAmount ? parseQuantity(String(amount)) : null;
  return quantity === null ? 0n : milliOf(quantity);
}

export function readPackingPods(
  objects: readonly unknown[],
  devices: readonly Device[],
  vendors: readonly Vendor[],
): Result<readonly OpenbPod[], string> {
  const pods: OpenbPod[] = [];
  for (const [at, object] of objects.entries()) {
    const pod = readPackingPod(object, devices, vendors);
    if (!pod.ok) return err(`pod ${at + 1}, ${nameOf(object)}: ${pod.error}`);
    pods.push(pod.value);
  }
  return ok(pods);
}

function readPackingPod(
  object: unknown,
  devices: readonly Device[],
  vendors: readonly Vendor[],
): Result<OpenbPod, string> {
  try {
    const pod = object as PodLike;
    const request = readPodRequest(pod, vendors);
    if (!request.ok) return err(sentenceOf(request.error));
    const asked = { ...hostAsked(pod, request.value), ...devicesAsked(request.value, devices) };
    return ok({ name: nameOf(object), ...asked });
  } catch {
    return err('it has not the shape of a pod, which kubectl get pod -o yaml shows');
  }
}

function nameOf(object: unknown): string {
  const metadata = isRecord(object) && isRecord(object.metadata) ? object.metadata : {};
  const [namespace, name] = [metadata.namespace ?? 'default', metadata.name ?? metadata.generateName ?? ''];
  return [namespace, name].map((part) => (typeof part === 'string' ? part : shown(part))).join('/');
}

/** CPU and memory as the kubelet adds them up. */
function hostAsked(pod: PodLike, { containers }: PodRequest): { cpuMilli: number; memoryMiB: number } {
  const places = containersOf<ContainerLike>(pod.spec ?? {});
  const peak = (name: string): number =>
    peakOf(containers, (container) => {
      const { limits, requests } = places[containers.indexOf(container)]?.container.resources ?? {};
      // As the API server defaults: what is limited and not requested is requested.
      return Number(amountOf(requests?.[name] === undefined ? limits : requests, name));
    });
  return { cpuMilli: peak('cpu'), memoryMiB: Math.ceil(peak('memory') / 1000 / Number(MIB)) };
}

/** A pod of one slice shares its device; several devices count as whole ones, for packing knows no other. */
function devicesAsked(
  request: PodRequest,
  devices: readonly Device[],
): Pick<OpenbPod, 'gpus' | 'gpuMilli' | 'models'> {
  const gpus = peakOf(request.containers, countOf);
  const slices = request.containers.flatMap((container) => container.slices);
  const part = Math.max(0, ...slices.map((slice) => partOf(slice, devices)));
  return {
    gpus,
    gpuMilli: gpus === 0 ? 0 : gpus > 1 ? WHOLE : part,
    models: modelsOf(request.choice, devices),
  };
}

const countOf = ({ slices }: ContainerRequest): number => slices.reduce((sum, { count }) => sum + count, 0);

/** The larger of memory and compute, in thousandths; memory of the smallest device that can give it. */
function partOf({ memory, cores, isExclusive }: SliceRequest, devices: readonly Device[]): number {
  if (isExclusive || memory.kind === 'whole') return WHOLE;
  if (memory.kind === 'share') return Math.max(1, memory.permille, cores);
  const sizes = devices.map((device) => device.memory).filter((size) => size >= memory.memory);
  const share = sizes.length === 0 ? WHOLE : Math.ceil((WHOLE * memory.memory) / Math.min(...sizes));
  return Math.max(1, Math.min(WHOLE, share), cores);
}

/** Empty: any. A choice that no device meets names a model that no node has. */
function modelsOf({ allowModels, denyModels }: DeviceChoice, devices: readonly Device[]): readonly string[] {
  if (allowModels.length === 0 && denyModels.length === 0) return [];
  const has = (model: string, words: readonly string[]): boolean =>
    words.some((word) => model.toLowerCase().includes(word.toLowerCase()));
  const models = [...new Set(devices.map(({ model }) => model))];
  const met = models.filter(
    (model) => (allowModels.length === 0 || has(model, allowModels)) && !has(model, denyModels),
  );
  return met.length === 0 ? ['(none)'] : met;
}
