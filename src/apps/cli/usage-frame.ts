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

/** One look at all monitors. */
export interface UsageLook {
  readonly nodes: readonly NodeState[];
  readonly silent: readonly Silent[];
  readonly atMs: number;
}

interface SliceRow extends SliceState {
  readonly node: string;
  /** Of the time since the look before: that it used its device, that its threads waited for it; null where there is none. */
  readonly busy: number | null;
  readonly throttled: number | null;
  /** Place of the device on its node; null where the driver did not answer. */
  readonly index: number | null;
}

const BAR_WIDTH = 10;
const NS_PER_MS = 1e6;

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
  { title: 'BUSY', align: 'right', spare: 5, cell: (row) => shareCell(row.busy) },
  { title: 'THROTTLED', align: 'right', spare: 6, cell: throttledCell },
  {
    title: 'DRIFT',
    align: 'right',
    spare: 7,
    cell: ({ driftMiB = 0 }) => (driftMiB === 0 ? toned('-', 'dim') : toned(mibText(driftMiB), 'bad')),
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

const shareCell = (part: number | null): Cell =>
  part === null ? toned('-', 'dim') : toned(`${Math.round(part * 100)} %`, 'plain');

/** Of the time since the look before; in the first look, all that ever was. */
function throttledCell(row: SliceRow): Cell {
  const all = row.counted?.compute.throttledNs ?? 0;
  if (row.throttled === null) return all === 0 ? toned('-', 'dim') : toned(secondsText(all), 'plain');
  return toned(`${Math.round(row.throttled * 100)} %`, row.throttled >= 0.5 ? 'warn' : 'plain');
}

const secondsText = (ns: number): string => `${(ns / 1e9).toFixed(1)} s`;

function noteCell(row: SliceRow): Cell {
  if (row.ended !== undefined) return toned(`ended: ${row.ended}`, 'warn');
  if (row.enforcement === 'pending') return toned('starting', 'dim');
  if (row.enforcement !== 'enforced') return toned(row.enforcement, 'bad');
  return toned(row.problem, 'warn');
}

/** `before`: the look that shares are told since; null in the first. */
export function usageFrame(look: UsageLook, before: UsageLook | null, paper: Paper): string {
  const { nodes, silent } = look;
  const since = sinceOf(look, before);
  const devices = nodes.flatMap((state) => state.devices.map((device) => ({ ...device, node: state.node })));
  const slices = nodes.flatMap((state) => state.slices.map((slice) => sliceRow(state, slice, since)));
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

/** What a slice had counted at the look before, and how long ago that was. */
interface Since {
  readonly passedNs: number;
  readonly slices: ReadonlyMap<string, SliceState>;
}

const keyOf = ({ uid, container, device }: SliceState): string => `${uid} ${container} ${device}`;

function sinceOf(look: UsageLook, before: UsageLook | null): Since {
  const slices = (before?.nodes ?? []).flatMap((node) => node.slices);
  return {
    passedNs: before === null ? 0 : (look.atMs - before.atMs) * NS_PER_MS,
    slices: new Map(slices.map((slice) => [keyOf(slice), slice])),
  };
}

function sliceRow(state: NodeState, slice: SliceState, { passedNs, slices }: Since): SliceRow {
  const device = state.devices.find((row) => row.id === slice.device);
  const then = slices.get(keyOf(slice))?.counted?.compute;
  const now = slice.counted?.compute;
  /** Null where nothing is known of before, or the container began anew. */
  const grown = (before = Number.NaN, after = Number.NaN): number | null =>
    passedNs > 0 && after >= before ? (after - before) / passedNs : null;
  return {
    ...slice,
    node: state.node,
    index: device?.index ?? null,
    busy: grown(then?.busyNs, now?.busyNs),
    throttled: grown(then?.throttledNs, now?.throttledNs),
  };
}
