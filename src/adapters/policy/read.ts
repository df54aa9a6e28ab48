// SPDX-License-Identifier: Apache-2.0
// The policy document from its YAML: the document, or everything that is wrong with it, by line.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from 'yaml';
import type { PolicyDocument } from '../../core/policy-document.js';
import { err, ok, type Result } from '../../core/result.js';
import { checkPolicy, fieldOf, type Path } from './schema.js';

export interface PolicyComplaint {
  /** 1-based, in the text. */
  readonly line: number;
  /** `rules[0].node`; empty where the text is no YAML. */
  readonly field: string;
  /** Without the line. */
  readonly sentence: string;
}

/** A ConfigMap holds at most 1 MiB; 500 rules of a few lines fit. */
const LETTERS_MAX = 262_144;
/** What aliases may stand for in all, as the parser counts: a few anchors yes, a bomb no. */
const ALIASES_MAX = 100;
/** Nobody mends more than this in one go. */
const COMPLAINTS_MAX = 50;

/** Never throws. Complaints come in the order of the text. */
export function readPolicy(text: string): Result<PolicyDocument, readonly PolicyComplaint[]> {
  if (text.length > LETTERS_MAX)
    return wrong(1, `the document has ${text.length} letters: want at most ${LETTERS_MAX}`);
  const lines = new LineCounter();
  try {
    const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
    const faults = [...yaml.errors, ...yaml.warnings];
    if (faults.length > 0) return refused(faults.map((fault) => yamlComplaint(fault, lines)));
    return checked(yaml, lines);
  } catch (fault) {
    // Aliases beyond measure, or nested deeper than the parser's stack.
    return wrong(1, `the document cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
}

function yamlComplaint({ pos, message }: YAMLError, lines: LineCounter): PolicyComplaint {
  return { line: lines.linePos(pos[0]).line, field: '', sentence: `not YAML: ${message.split('\n')[0]}` };
}

function checked(yaml: Document, lines: LineCounter): Result<PolicyDocument, readonly PolicyComplaint[]> {
  const result = checkPolicy(yaml.toJS({ maxAliasCount: ALIASES_MAX }));
  if (result.ok) return ok(result.value);
  // To find a place is to walk the text: not for ten thousand unknown keys.
  return refused(
    result.error.slice(0, COMPLAINTS_MAX).map(({ path, isKey, sentence }) => {
      const start = startOf(yaml, path, isKey);
      return { line: start === null ? 1 : lines.linePos(start).line, field: fieldOf(path), sentence };
    }),
  );
}

/** For a letter that carries the document as plain JSON: the first thing wrong with it, in a sentence. */
export function readPolicyValue(value: unknown): Result<PolicyDocument, string> {
  const result = checkPolicy(value);
  return result.ok ? result : err(result.error[0]?.sentence ?? 'the policy cannot be read');
}

export const complaintText = ({ line, sentence }: PolicyComplaint): string => `line ${line}: ${sentence}`;

const wrong = (line: number, sentence: string) => refused([{ line, field: '', sentence }]);

/** The parser says some things once per bracket. */
function refused(complaints: readonly PolicyComplaint[]) {
  const once = new Map(complaints.map((complaint) => [complaintText(complaint), complaint]));
  return err([...once.values()].toSorted((a, b) => a.line - b.line).slice(0, COMPLAINTS_MAX));
}

/** Where in the text the path's end stands, or the nearest thing above it that does. */
function startOf(yaml: Document, path: Path, isKey: boolean): number | null {
  let node: unknown = yaml.contents;
  let start = offsetOf(node);
  for (const [at, step] of path.entries()) {
    const found = stepInto(aliased(node, yaml), step);
    if (found === null) return start;
    start =
      offsetOf(isKey && at === path.length - 1 ? found.key : found.value) ?? offsetOf(found.key) ?? start;
    node = found.value;
  }
  return start;
}

const aliased = (node: unknown, yaml: Document): unknown => (isAlias(node) ? node.resolve(yaml) : node);
const offsetOf = (node: unknown): number | null =>
  isNode(node) ? ((node as Node).range?.[0] ?? null) : null;

function stepInto(
  node: unknown,
  step: string | number,
): { readonly key: unknown; readonly value: unknown } | null {
  if (isSeq(node)) {
    const value = node.items[Number(step)];
    return value === undefined ? null : { key: value, value };
  }
  if (!isMap(node)) return null;
  return node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === step) ?? null;
}
