// SPDX-License-Identifier: Apache-2.0
// The picture `kerf explain` shows of the scheduler's explanation. Pure.
import type { ExplainedDevice, ExplainedNode, Explanation } from '../../scheduling/explain.js';
import { type Cell, type Column, mibText, paint, renderTable, type Tone, toned } from './table.js';

const TONES: Readonly<Record<Explanation['state'], Tone>> = {
  placed: 'good',
  binding: 'plain',
  pending: 'warn',
  over: 'dim',
};

interface PlacedSlice {
  readonly container: string;
  readonly device: string;
  readonly memoryMiB: number;
  readonly corePercent: number;
}

const SLICES: readonly Column<PlacedSlice>[] = [
  { title: 'CONTAINER', cell: (row) => row.container },
  { title: 'DEVICE', cell: (row) => row.device },
  { title: 'MEMORY', align: 'right', cell: (row) => mibText(row.memoryMiB) },
  { title: 'CORES', align: 'right', cell: (row) => (row.corePercent === 0 ? '-' : `${row.corePercent} %`) },
];

const DEVICES: readonly Column<ExplainedDevice>[] = [
  { title: '  DEVICE', cell: (row) => `  ${row.id}` },
  { title: 'MODEL', cell: (row) => row.model },
  { title: 'FREE', align: 'right', cell: (row) => `${mibText(row.freeMiB)} of ${mibText(row.memoryMiB)}` },
  { title: 'CORES FREE', align: 'right', cell: (row) => `${row.freeCorePercent} %` },
  { title: 'SLICES FREE', align: 'right', cell: (row) => String(row.freeSlices) },
  { title: 'ANSWER', cell: answerCell },
];

function answerCell(device: ExplainedDevice): Cell {
  return device.fits ? toned('fits', 'good') : toned(device.text ?? 'no', 'warn');
}

export function explainFrame(explanation: Explanation, hasColour: boolean): string {
  const { pod, state, text } = explanation;
  const parts = [
    `${pod}: ${paint(toned(headline(state, text), TONES[state]), hasColour)}`,
    ...slicesPart(explanation, hasColour),
    ...summaryPart(explanation),
    ...changesPart(explanation),
    ...(explanation.nodes ?? []).map((node) => nodePart(node, hasColour)),
  ];
  return parts.join('\n\n');
}

/** The text of a placed pod says so itself. */
const headline = (state: string, text: string): string =>
  text.startsWith(state) ? text : `${state}, ${text}`;

function slicesPart({ containers }: Explanation, hasColour: boolean): readonly string[] {
  const rows = ((containers ?? []) as readonly { name: string; slices: readonly PlacedSlice[] }[]).flatMap(
    ({ name, slices }) => slices.map((slice) => ({ ...slice, container: name })),
  );
  return rows.length === 0 ? [] : [renderTable(SLICES, rows, hasColour)];
}

function summaryPart({ summary }: Explanation): readonly string[] {
  const lines = (summary ?? []).map(
    ({ text, curable, nodes }) => `${counted(nodes, 'node')}: ${text}${cure(curable)}`,
  );
  return lines.length === 0 ? [] : [lines.join('\n')];
}

function changesPart({ changes }: Explanation): readonly string[] {
  const [first, ...others] = (changes ?? []).map(({ text, node }) => `${text} (on ${node})`);
  if (first === undefined) return [];
  return [[`it would fit ${first}`, ...others.map((text) => `          or ${text}`)].join('\n')];
}

function nodePart(node: ExplainedNode, hasColour: boolean): string {
  const head = node.fits
    ? `${node.node}: ${paint(toned('fits', 'good'), hasColour)}`
    : `${node.node}: ${paint(toned(node.text ?? 'no', 'warn'), hasColour)}${cure(node.curable)}`;
  const who = [node.by, node.detail].filter((part) => part !== undefined).map((part) => `  ${part}`);
  const devices = node.devices.length === 0 ? [] : [renderTable(DEVICES, node.devices, hasColour)];
  return [head, ...who, ...devices].join('\n');
}

/** Only the hopeful half is said: freeing something there would help. */
const cure = (curable: string | undefined): string =>
  curable === 'by-preemption' ? ' (would fit if others left)' : '';

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
