// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseAllDocuments } from 'yaml';
import { readPolicyValue } from '../../../adapters/policy/read.js';
import { readVendors } from '../../../adapters/vendors-file.js';
import { type Replay, type ReplayedNode, replay } from '../../../scheduling/replay.js';
import { isRecord } from '../../../wire/json.js';
import { objectsOf } from '../../../wire/packing-objects.js';
import { encodePlacement } from '../../../wire/placement.js';
import { type PodView, readPodView } from '../../../wire/pod-view.js';
import { decodeSnapshot } from '../../../wire/snapshot-read.js';
import { explainFrame } from '../explain-frame.js';
import { type Io, Misused, Refused } from '../io.js';
import { type Column, renderTable } from '../table.js';

interface ReplayOptions {
  readonly json?: boolean;
  readonly resourceNames?: string;
}

const EXAMPLES = `
The snapshot is what GET /v1/snapshot of the scheduler gives; it listens on localhost of its pod. The pod is what
kubectl get pod -o yaml gives, or a manifest. What the pod holds in the snapshot itself is left out.

Examples:
  kubectl -n kerf-system port-forward deploy/kerf-scheduler 9480 &
  curl -s http://127.0.0.1:9480/v1/snapshot > snapshot.json
  kubectl get pod my-pod -o yaml > pod.yaml
  kerf replay snapshot.json pod.yaml
  kerf replay snapshot.json pod.yaml --json | jq '.offered[0].placement'

Exit codes: 0 some node takes it, 1 none does, 2 wrong usage or a file that cannot be read.
`;

export function addReplay(program: Command, io: Io): void {
  const command = program.command('replay');
  command
    .argument('<snapshot>', 'what the scheduler knew, as JSON')
    .argument('<pod>', 'the pod, as YAML or JSON')
    .description(
      'Repeats a decision: which nodes, which scores, which devices, or why not. Needs no cluster.',
    )
    .option('--resource-names <file>', 'resource names of the cluster, where they differ (YAML)')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action((snapshot: string, pod: string) =>
      replayFiles({ snapshot, pod }, command.optsWithGlobals<ReplayOptions>(), io),
    );
}

interface Files {
  readonly snapshot: string;
  readonly pod: string;
}

function replayFiles(files: Files, options: ReplayOptions, io: Io): void {
  const recorded = decodeSnapshot(readText(files.snapshot), readPolicyValue);
  if (!recorded.ok) throw new Misused(`${files.snapshot}: ${recorded.error}`);
  const pod = readPod(files.pod, options);
  const replayed = replay(pod, recorded.value);
  io.out(options.json === true ? JSON.stringify(rowsOf(replayed), null, 2) : frame(replayed, io));
  if (!pod.asksForDevices) return;
  if (replayed.offered.length === 0) throw new Refused(`${replayed.pod}: no node of the snapshot takes it`);
}

function readPod(file: string, { resourceNames }: ReplayOptions): PodView {
  const documents = parseAllDocuments(readText(file));
  const wrong = documents.flatMap(({ errors }) => errors)[0];
  if (wrong !== undefined) throw new Misused(`${file}: ${wrong.message.split('\n')[0]}`);
  const pods = objectsOf(
    documents.map((document) => document.toJS() as unknown),
    'Pod',
  );
  if (pods.length !== 1) throw new Misused(`${file} has ${pods.length} objects of kind Pod: want 1`);
  const pod = readPodView(asPending(pods[0]), vendorsOf(resourceNames));
  return { ...pod, namespace: pod.namespace === '' ? 'default' : pod.namespace };
}

/** Of a bound pod the labels would not be read, for no rule looks at it any more. */
function asPending(pod: unknown): unknown {
  if (!isRecord(pod) || !isRecord(pod.spec)) return pod;
  return { ...pod, spec: { ...pod.spec, nodeName: undefined } };
}

function vendorsOf(file: string | undefined): ReturnType<typeof readVendors> {
  try {
    return readVendors(file);
  } catch (fault) {
    throw new Misused(`--resource-names: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (fault) {
    throw new Misused(`${file} cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
}

/** Placements as the letter has them: units in the names. */
function rowsOf(replayed: Replay): object {
  const offered = replayed.offered.map((row) => ({
    ...row,
    placement: JSON.parse(encodePlacement(row.placement)) as unknown,
  }));
  return { ...replayed, offered };
}

const OFFERED: readonly Column<ReplayedNode>[] = [
  { title: 'NODE', cell: ({ node }) => node },
  { title: 'SCORE', align: 'right', cell: ({ score }) => String(score) },
  { title: 'DEVICES', cell: ({ placement }) => devicesOf(placement) },
];

const devicesOf = ({ containers }: ReplayedNode['placement']): string =>
  containers
    .map(({ name, slices }) => `${name}: ${slices.map(({ deviceId }) => deviceId).join(' ')}`)
    .join(', ');

function frame({ offered, explanation, revision }: Replay, io: Io): string {
  const table = offered.length === 0 ? [] : [renderTable(OFFERED, offered, io.hasColour)];
  return [`revision ${revision}`, ...table, explainFrame(explanation, io.hasColour)].join('\n\n');
}
