// SPDX-License-Identifier: Apache-2.0
// The Container Device Interface's shapes (specification 1.1.0), and the lowest version that covers a spec:
// a runtime refuses a file whose version it does not know, and one that uses fields newer than its version.
import { isRecord } from '../src/wire/json.js';

export interface ContainerEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly Readonly<Record<string, unknown>>[];
  readonly mounts?: readonly Readonly<Record<string, unknown>>[];
  readonly hooks?: readonly Readonly<Record<string, unknown>>[];
  readonly additionalGIDs?: readonly number[];
  readonly [field: string]: unknown;
}

export interface CdiDevice {
  readonly name: string;
  readonly containerEdits: ContainerEdits;
}

export interface CdiSpec {
  readonly cdiVersion: string;
  readonly kind: string;
  readonly devices: readonly CdiDevice[];
  readonly containerEdits?: ContainerEdits;
}

/** Lists of edits one after the other, each entry once; of single values the last stands. */
export function mergeEdits(all: readonly ContainerEdits[]): ContainerEdits {
  const merged: Record<string, unknown> = {};
  for (const edits of all)
    for (const [field, value] of Object.entries(edits)) {
      const old = merged[field];
      merged[field] = Array.isArray(value) && Array.isArray(old) ? unique([...old, ...value]) : value;
    }
  return merged;
}

function unique(entries: readonly unknown[]): unknown[] {
  const byText = new Map(entries.map((entry) => [JSON.stringify(entry), entry]));
  return [...byText.values()];
}

/** Ours always need 0.5.0: a slot's name may begin with a digit. */
const FLOOR = '0.5.0';

const NEEDS: readonly (readonly [version: string, isUsed: (edits: ContainerEdits) => boolean])[] = [
  ['0.7.0', (edits) => edits.additionalGIDs !== undefined || edits.intelRdt !== undefined],
  ['1.1.0', (edits) => edits.netDevices !== undefined],
];
const KNOWN = ['env', 'deviceNodes', 'mounts', 'hooks', 'additionalGIDs', 'intelRdt', 'netDevices'];

/** `declared`: the version of the file the edits came from; it rules when a field is unknown to us. */
export function lowestVersion(edits: ContainerEdits, declared: string): string {
  const isUnknown = Object.keys(edits).some((field) => !KNOWN.includes(field));
  const needed = NEEDS.filter(([, isUsed]) => isUsed(edits)).map(([version]) => version);
  return [FLOOR, ...needed, ...(isUnknown ? [declared] : [])].reduce(laterVersion);
}

function laterVersion(a: string, b: string): string {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let at = 0; at < 3; at++) {
    const step = (left[at] ?? 0) - (right[at] ?? 0);
    if (step !== 0) return step > 0 ? a : b;
  }
  return a;
}

/** null when the document is no CDI spec. */
export function readSpec(document: unknown): CdiSpec | null {
  if (!isRecord(document) || typeof document.kind !== 'string' || !Array.isArray(document.devices))
    return null;
  const devices: CdiDevice[] = [];
  for (const row of document.devices as unknown[])
    if (isRecord(row) && typeof row.name === 'string')
      devices.push({
        name: row.name,
        containerEdits: isRecord(row.containerEdits) ? row.containerEdits : {},
      });
  return {
    cdiVersion: typeof document.cdiVersion === 'string' ? document.cdiVersion : FLOOR,
    kind: document.kind,
    devices,
    ...(isRecord(document.containerEdits) ? { containerEdits: document.containerEdits } : {}),
  };
}
