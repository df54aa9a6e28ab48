// SPDX-License-Identifier: Apache-2.0
// The picture `kerf top` and the demo show: devices, and the slices on them, used against granted. Pure.
import type { DeviceState, NodeState, SliceState } from '../../observing/state.js';
import {
  bar,
  type Cell,
  type Column,
  mibText,
  type Paper,
  paint,
  renderOn,
  type Tone,
  toned,
} from './table.js';

/** A node that could not be asked, and why; the others are still shown. */
export interface Silent {
  readonly node: string;
  readonly why: string;
}

interface DeviceRow extends DeviceState {
  readonly node: string;
}

interface SliceRow extends SliceState {
  readonly node: string;
  /** Place of the device on its node; null where the driver did not answer. */
  readonly index: number | null;
}

const BAR_WIDTH = 10;

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

export function usedCell(used: number, most: number): Cell {
  const part = share(used, most);
  const tone: Tone = part >= 0.95 ? 'bad' : part >= 0.75 ? 'warn' : 'good';
  return toned(`${bar(part, BAR_WIDTH)} ${String(Math.round(part * 100)).padStart(3)} %`, tone);
}

/** Of a device, wherever it stands. */
export const DEVICE_COLUMNS: readonly Column<DeviceState>[] = [
  { title: 'DEV', align: 'right', cell: (row) => String(row.index) },
  { title: 'MODEL', cell: (row) => row.model },
  { title: 'MEMORY', align: 'right', cell: (row) => mibText(row.memoryMiB) },
  { title: 'GRANTED', align: 'right', cell: (row) => mibText(row.grantedMiB) },
  { title: 'USED', align: 'right', cell: (row) => mibText(row.usedMiB) },
  { title: 'USED OF DEVICE', spare: 1, cell: (row) => usedCell(row.usedMiB, row.memoryMiB) },
  { title: 'CORES', align: 'right', spare: 2, cell: (row) => `${row.grantedCorePercent} %` },
  { title: 'SLICES', align: 'right', cell: (row) => String(row.slices) },
];

const DEVICES: readonly Column<DeviceRow>[] = [
  { title: 'NODE', cell: (row) => row.node },
  ...DEVICE_COLUMNS,
  { title: 'HEALTH', cell: (row) => (row.healthy ? toned('healthy', 'good') : toned('unhealthy', 'bad')) },
];

const SLICES: readonly Column<SliceRow>[] = [
  { title: 'NODE', cell: (row) => row.node },
  { title: 'DEV', align: 'right', cell: (row) => (row.index === null ? '?' : String(row.index)) },
  { title: 'POD', cell: (row) => `${row.namespace}/${row.pod}` },
  { title: 'CONTAINER', spare: 4, cell: (row) => row.container },
  { title: 'GRANTED', align: 'right', cell: (row) => mibText(row.memoryMiB) },
  { title: 'USED', align: 'right', cell: (row) => amountCell(row.usedMiB) },
  { title: 'USED OF SLICE', spare: 1, cell: usedOfSlice },
  { title: 'PEAK', align: 'right', spare: 3, cell: (row) => amountCell(row.peakMiB) },
  { title: 'REFUSED', align: 'right', cell: refusedCell },
  {
    title: 'CORES',
    align: 'right',
    spare: 2,
    cell: (row) => (row.corePercent === 0 ? '-' : `${row.corePercent} %`),
  },
  { title: 'NOTE', shrinks: true, cell: noteCell },
];

/** In MiB; null where nobody can tell. */
export function amountCell(value: number | null): Cell {
  return value === null ? toned('?', 'dim') : toned(mibText(value), 'plain');
}

function usedOfSlice(row: SliceRow): Cell {
  return row.usedMiB === null ? toned('?', 'dim') : usedCell(row.usedMiB, row.memoryMiB);
}

export function refusedCell(row: { readonly refusals: number | null }): Cell {
  if (row.refusals === null) return toned('?', 'dim');
  return toned(String(row.refusals), row.refusals > 0 ? 'warn' : 'plain');
}

function noteCell(row: SliceRow): Cell {
  if (row.enforcement === 'pending') return toned('starting', 'dim');
  if (row.enforcement !== 'enforced') return toned(row.enforcement, 'bad');
  return toned(row.problem, 'warn');
}

export function usageFrame(nodes: readonly NodeState[], silent: readonly Silent[], paper: Paper): string {
  const devices = nodes.flatMap((state) => state.devices.map((device) => ({ ...device, node: state.node })));
  const slices = nodes.flatMap((state) => state.slices.map((slice) => sliceRow(state, slice)));
  const { hasColour } = paper;
  const tables = [
    devices.length === 0 ? 'no devices' : renderOn(DEVICES, devices, paper),
    slices.length === 0 ? 'no slices' : renderOn(SLICES, slices, paper),
  ];
  const parts = [
    // Where nobody answers nothing is known, which is not the same as nothing there.
    ...(nodes.length === 0 ? [] : tables),
    ...nodes.flatMap(({ node, problems }) =>
      problems.map((problem) => paint(toned(`${node}: ${problem}`, 'warn'), hasColour)),
    ),
    ...silent.map(({ node, why }) =>
      paint(toned(`${node}: the monitor does not answer: ${why}`, 'bad'), hasColour),
    ),
  ];
  return parts.join('\n\n');
}

function sliceRow(state: NodeState, slice: SliceState): SliceRow {
  const device = state.devices.find((row) => row.id === slice.device);
  return { ...slice, node: state.node, index: device?.index ?? null };
}
