// SPDX-License-Identifier: Apache-2.0
// Letter: what packing had learned of the demand, a part of the snapshot: who has it decides as the cluster did.
//
//   {"turnover":0.2,"fleet":[{"vendor":"…","model":"A100","memoryMiB":40960,"cpuMilli":96000,"devices":8,"nodes":12}],
//    "asked":[{"pods":31,"cpuMilli":4000,"vendor":"…","devices":1,"milli":460,"memoryMiB":0,"allowModels":[…],…}]}
import type { Asked } from '../core/packing/asked.js';
import type { AskedRow, FleetRow, Look } from '../core/packing/look.js';
import { isCount, isRecord } from './json.js';

export function encodeDemand({ asked, fleet, turnover }: Look): object {
  return {
    turnover,
    fleet: fleet.map(({ gpus, ...row }) => ({ ...row, devices: gpus })),
    asked: asked.map(({ asked: { gpus, ...row }, count }) => ({ pods: count, ...row, devices: gpus })),
  };
}

/** null: it cannot be read. */
export function decodeDemand(value: unknown): Look | null {
  const { turnover, fleet, asked } = isRecord(value) ? value : {};
  const isTurnover = typeof turnover === 'number' && Number.isFinite(turnover) && turnover >= 0;
  const fleetRows = rowsOf(fleet, fleetRow);
  const askedRows = rowsOf(asked, askedRow);
  if (!isTurnover || fleetRows === null || askedRows === null) return null;
  return { turnover, fleet: fleetRows, asked: askedRows };
}

function rowsOf<T>(list: unknown, read: (row: Record<string, unknown>) => T | null): readonly T[] | null {
  if (!Array.isArray(list)) return null;
  const rows = (list as unknown[]).map((row) => (isRecord(row) ? read(row) : null));
  return rows.includes(null) ? null : (rows as T[]);
}

function fleetRow(row: Record<string, unknown>): FleetRow | null {
  const { vendor, model, memoryMiB, cpuMilli, devices, nodes } = row;
  if (![memoryMiB, cpuMilli, devices, nodes].every(isCount)) return null;
  if (typeof vendor !== 'string' || typeof model !== 'string') return null;
  return { vendor, model, memoryMiB, cpuMilli, gpus: devices, nodes } as FleetRow;
}

function askedRow(row: Record<string, unknown>): AskedRow | null {
  const { pods, cpuMilli, vendor, devices, milli, memoryMiB, allowModels, denyModels } = row;
  if (![pods, cpuMilli, devices, milli, memoryMiB].every(isCount)) return null;
  if (typeof vendor !== 'string' || ![allowModels, denyModels].every(isWords)) return null;
  const asked = { cpuMilli, vendor, gpus: devices, milli, memoryMiB, allowModels, denyModels } as Asked;
  return { asked, count: pods as number };
}

const isWords = (value: unknown): boolean =>
  Array.isArray(value) && (value as unknown[]).every((word) => typeof word === 'string');
