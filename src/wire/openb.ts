// SPDX-License-Identifier: Apache-2.0
// Letters of the openb trace: node list and pod list as CSV, order of arrival as JSON. Every refusal names its line.
import type { FleetNode } from '../core/packing/fleet.js';
import { err, ok, type Result } from '../core/result.js';
import { isRecord, parseJson } from './json.js';

export interface OpenbNode extends FleetNode {
  readonly name: string;
}

/** As in the file: `spec` names models with `|` between, empty: any. */
export interface OpenbPod {
  readonly name: string;
  readonly cpuMilli: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  readonly gpuMilli: number;
  readonly models: readonly string[];
}

export interface OpenbOrder {
  readonly workload: string;
  readonly seed: number;
  /** Rows of the pod list, in order of arrival. */
  readonly order: readonly number[];
  /** Of each row of the node list: equals go to the smallest. */
  readonly nodeRank: readonly number[];
}

type Fields = ReadonlyMap<string, string>;

const NODE_COLUMNS = ['sn', 'cpu_milli', 'memory_mib', 'gpu', 'model'];
const POD_COLUMNS = ['name', 'cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli'];
const MOST_GPUS = 64;
/** What an array of 32-bit numbers holds. */
const MOST = 2 ** 31 - 1;

export function readOpenbNodes(text: string): Result<readonly OpenbNode[], string> {
  return readCsv(text, NODE_COLUMNS, (fields) => ({
    name: named(fields, 'sn'),
    cpuMilli: whole(fields, 'cpu_milli', MOST),
    memoryMiB: whole(fields, 'memory_mib', MOST),
    gpus: whole(fields, 'gpu', MOST_GPUS),
    model: fields.get('model') ?? '',
  }));
}

export function readOpenbPods(text: string): Result<readonly OpenbPod[], string> {
  return readCsv(text, POD_COLUMNS, (fields) => {
    const gpus = whole(fields, 'num_gpu', MOST_GPUS);
    return {
      name: named(fields, 'name'),
      cpuMilli: whole(fields, 'cpu_milli', MOST),
      memoryMiB: whole(fields, 'memory_mib', MOST),
      gpus,
      gpuMilli: readGpuMilli(fields, gpus),
      models: (fields.get('gpu_spec') ?? '').split('|').filter((model) => model !== ''),
    };
  });
}

function readGpuMilli(fields: Fields, gpus: number): number {
  const milli = whole(fields, 'gpu_milli', 1000);
  if (gpus === 0 && milli !== 0) throw new Wrong(`gpu_milli is ${milli}, num_gpu is 0: want gpu_milli 0`);
  if (gpus > 0 && milli === 0) throw new Wrong(`gpu_milli is 0, num_gpu is ${gpus}: want 1 to 1000`);
  if (gpus > 1 && milli !== 1000)
    throw new Wrong(`gpu_milli is ${milli}, num_gpu is ${gpus}: want 1000, several devices are whole ones`);
  return milli;
}

/** Says what is wrong with a line; its number is added where it is known. */
class Wrong extends Error {}

function readCsv<T>(
  text: string,
  wanted: readonly string[],
  read: (fields: Fields) => T,
): Result<readonly T[], string> {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const columns = (lines[0] ?? '').split(',');
  const missing = wanted.filter((column) => !columns.includes(column));
  if (missing.length > 0)
    return err(
      `line 1 is ${JSON.stringify(lines[0] ?? '')}: want the columns ${wanted.join(', ')}; missing: ${missing.join(', ')}`,
    );
  // The last line ends with a newline, so after it comes an empty one; a cut file has none.
  if (lines.at(-1) !== '')
    return err(`line ${lines.length} does not end with a newline: is the file cut short?`);
  return readRows(lines.slice(1, -1), columns, read);
}

function readRows<T>(
  lines: readonly string[],
  columns: readonly string[],
  read: (fields: Fields) => T,
): Result<readonly T[], string> {
  const rows: T[] = [];
  for (const [at, line] of lines.entries()) {
    try {
      rows.push(read(fieldsOf(line, columns)));
    } catch (wrong) {
      if (!(wrong instanceof Wrong)) throw wrong;
      return err(`line ${at + 2}: ${wrong.message}`);
    }
  }
  return rows.length === 0 ? err('line 2 is missing: want at least one row') : ok(rows);
}

function fieldsOf(line: string, columns: readonly string[]): Fields {
  if (line.includes('"')) throw new Wrong('has a quotation mark: want plain fields with commas between');
  const values = line.split(',');
  if (values.length !== columns.length)
    throw new Wrong(`has ${values.length} fields: want ${columns.length}`);
  return new Map(columns.map((column, at) => [column, values[at] ?? '']));
}

function whole(fields: Fields, name: string, most: number): number {
  const text = fields.get(name) ?? '';
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most)
    throw new Wrong(`${name} is ${JSON.stringify(text)}: want a whole number from 0 to ${most}`);
  return value;
}

function named(fields: Fields, name: string): string {
  const text = fields.get(name) ?? '';
  if (text === '') throw new Wrong(`${name} is empty: want a name`);
  return text;
}

/** `pods` and `nodes` say how many rows the lists have: each number must name one of them. */
export function readOpenbOrder(
  text: string,
  lists: { readonly pods: number; readonly nodes: number },
): Result<OpenbOrder, string> {
  const json = parseJson(text);
  if (!isRecord(json)) return err('is no JSON object: want {"order": [...], "nodeRank": [...]}');
  const { order, nodeRank, workload, seed } = json;
  const wrong = wrongRows('order', order, lists.pods) ?? wrongRanks(nodeRank, lists.nodes);
  if (wrong !== null) return err(wrong);
  return ok({
    workload: typeof workload === 'string' ? workload : '',
    seed: typeof seed === 'number' ? seed : 0,
    order: order as readonly number[],
    nodeRank: nodeRank as readonly number[],
  });
}

function wrongRows(name: string, value: unknown, rows: number): string | null {
  if (!Array.isArray(value)) return `${name} is missing: want a list of numbers`;
  const at = value.findIndex((row) => !Number.isInteger(row) || row < 0 || row >= rows);
  if (at < 0) return null;
  return `${name}[${at}] is ${JSON.stringify(value[at])}: want a row of the pod list, 0 to ${rows - 1}`;
}

function wrongRanks(value: unknown, nodes: number): string | null {
  const want = `want each from 0 to ${nodes - 1} once, one for each row of the node list`;
  if (!Array.isArray(value)) return `nodeRank is missing: ${want}`;
  if (value.length !== nodes) return `nodeRank has ${value.length} numbers: ${want}`;
  const odd = value.findIndex((rank) => !Number.isInteger(rank) || rank < 0 || rank >= nodes);
  if (odd >= 0) return `nodeRank[${odd}] is ${JSON.stringify(value[odd])}: ${want}`;
  const twice = value.findIndex((rank, at) => value.indexOf(rank) !== at);
  return twice < 0 ? null : `nodeRank has ${value[twice]} twice: ${want}`;
}
