// SPDX-License-Identifier: Apache-2.0
// The picture `kerf top --local` shows: this machine's devices and the slices on them. Pure.
import type { LocalSliceState, LocalState } from '../../observing/local.js';
import type { DeviceState } from '../../observing/state.js';
import { type Cell, type Column, mibText, type Paper, paint, renderOn, toned } from './table.js';
import { amountCell, DEVICE_COLUMNS, refusedCell, usedCell } from './usage-frame.js';

export interface LocalLook {
  readonly state: LocalState;
  readonly atMs: number;
}

interface Row extends LocalSliceState {
  /** Place of the device; null where the driver did not answer. */
  readonly index: number | null;
  /** Share of the time since the look before that the slice used its device; null where there is none. */
  readonly busy: number | null;
}

const NS_PER_MS = 1e6;

const DEVICES: readonly Column<DeviceState>[] = [
  ...DEVICE_COLUMNS,
  { title: 'UUID', spare: 0, cell: (row) => row.id },
];

const SLICES: readonly Column<Row>[] = [
  { title: 'SLICE', cell: (row) => row.name },
  { title: 'DEV', align: 'right', cell: (row) => (row.index === null ? '?' : String(row.index)) },
  { title: 'GRANTED', align: 'right', cell: (row) => mibText(row.memoryMiB) },
  { title: 'UP TO', align: 'right', spare: 3, cell: upToCell },
  { title: 'USED', align: 'right', cell: (row) => amountCell(row.usedMiB) },
  { title: 'USED OF SLICE', spare: 1, cell: usedOfSlice },
  { title: 'PEAK', align: 'right', spare: 2, cell: (row) => amountCell(row.peakMiB) },
  { title: 'REFUSED', align: 'right', cell: refusedCell },
  { title: 'CORES', align: 'right', spare: 5, cell: coresCell },
  {
    title: 'BUSY',
    align: 'right',
    spare: 4,
    cell: (row) => (row.busy === null ? '-' : `${Math.round(row.busy * 100)} %`),
  },
  { title: 'PROCS', align: 'right', spare: 0, cell: (row) => String(row.processes ?? '?') },
  { title: 'COMMAND', shrinks: true, cell: commandCell },
];

function upToCell(row: Row): Cell {
  if (row.burstMiB === row.memoryMiB) return toned('-', 'dim');
  return toned(
    row.nowMiB < row.burstMiB ? `${mibText(row.nowMiB)} of ${mibText(row.burstMiB)}` : mibText(row.burstMiB),
    'plain',
  );
}

function usedOfSlice(row: Row): Cell {
  return row.usedMiB === null ? toned('?', 'dim') : usedCell(row.usedMiB, row.nowMiB);
}

function coresCell(row: Row): string {
  return row.corePercent === 0 ? '-' : `${row.corePercent} %${row.isSoft ? '+' : ''}`;
}

function commandCell(row: Row): Cell {
  return row.problem === '' ? toned(row.command, 'plain') : toned(row.problem, 'bad');
}

export function localFrame(look: LocalLook, before: LocalLook | null, paper: Paper): string {
  const { devices, slices, problems } = look.state;
  const rows = slices.map((slice) => rowOf(slice, look, before));
  return [
    ...(devices.length === 0 ? [] : [renderOn(DEVICES, devices, paper)]),
    rows.length === 0 ? 'no slices run on this machine: kerf run starts one' : renderOn(SLICES, rows, paper),
    ...problems.map((problem) => paint(toned(problem, 'warn'), paper.hasColour)),
  ].join('\n\n');
}

function rowOf(slice: LocalSliceState, look: LocalLook, before: LocalLook | null): Row {
  const device = look.state.devices.find(({ id }) => id === slice.device);
  const then = before?.state.slices.find(({ name }) => name === slice.name);
  const passedMs = before === null ? 0 : look.atMs - before.atMs;
  return { ...slice, index: device?.index ?? null, busy: busyOf(slice, then, passedMs) };
}

function busyOf(slice: LocalSliceState, then: LocalSliceState | undefined, passedMs: number): number | null {
  const [before, now] = [then?.counted?.compute.busyNs, slice.counted?.compute.busyNs];
  if (before === undefined || now === undefined || now < before || passedMs <= 0) return null;
  return (now - before) / (passedMs * NS_PER_MS);
}
