// SPDX-License-Identifier: Apache-2.0
// The policy document's JSON Schema at work. What it says under `description` is what a complaint ends with.
import { z } from 'zod';
import type { PolicyDocument } from '../../core/policy-document.js';
import { err, ok, type Result } from '../../core/result.js';
import { shown } from '../../wire/json.js';
import POLICY_SCHEMA from '../../../scheduler-config/policy.schema.json' with { type: 'json' };

export type Path = readonly (string | number)[];

/** One thing that is wrong. */
export interface Breach {
  readonly path: Path;
  /** It is the key at the path's end that is wrong, not what stands there. */
  readonly isKey: boolean;
  /** Names field and value, and what would be right. */
  readonly sentence: string;
}

interface SchemaPart {
  readonly $ref?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly additionalProperties?: SchemaPart | boolean;
  readonly propertyNames?: SchemaPart;
  readonly items?: SchemaPart;
  readonly anyOf?: readonly SchemaPart[];
}

const ROOT: SchemaPart = POLICY_SCHEMA as SchemaPart;
const DEFINITIONS = POLICY_SCHEMA.definitions as Readonly<Record<string, SchemaPart>>;
const CHECK = z.fromJSONSchema(POLICY_SCHEMA as Parameters<typeof z.fromJSONSchema>[0]);

/** What Kerf will have one day; whoever writes it already is told so. */
const LATER: readonly string[] = ['quotas'];

/** All that is wrong with a value, in the order of the schema. */
export function checkPolicy(value: unknown): Result<PolicyDocument, readonly Breach[]> {
  const checked = CHECK.safeParse(value);
  if (checked.success) return ok(checked.data as unknown as PolicyDocument);
  return err(checked.error.issues.flatMap((issue) => breachesOf({ issue, path: [], value })));
}

type Issue = z.core.$ZodIssue;

interface Wrong {
  readonly issue: Issue;
  /** Of what the issue's own path begins at. */
  readonly path: Path;
  readonly value: unknown;
}

function breachesOf({ issue, path: before, value }: Wrong): readonly Breach[] {
  const path = [...before, ...(issue.path as Path)];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key]));
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find((issues) => !issues.some(isOfAnotherKind));
    if (branch !== undefined) return branch.flatMap((inner) => breachesOf({ issue: inner, path, value }));
  }
  if (issue.code === 'invalid_key') return [badKey(path)];
  const held = valueAt(value, path);
  const end = issue.code === 'custom' ? 'want each once' : wantAt(path);
  const what = held === undefined ? 'is missing' : `is ${shown(held)}`;
  return [{ path, isKey: false, sentence: `${fieldOf(path)} ${what}: ${end}` }];
}

/** The value is not of this branch's kind at all. */
const isOfAnotherKind = ({ code, path }: Issue): boolean =>
  path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');

function unknownKey(path: Path): Breach {
  const parts = partsAt(path.slice(0, -1));
  const known = parts.flatMap(({ properties }) => Object.keys(properties ?? {}));
  const isLater = path.length === 1 && LATER.includes(String(path[0]));
  const what = isLater ? 'is not in this version of Kerf' : 'is not known';
  return { path, isKey: true, sentence: `${fieldOf(path)} ${what}: want one of ${known.join(', ')}` };
}

function badKey(path: Path): Breach {
  const names = partsAt(path.slice(0, -1)).flatMap(({ propertyNames }) => propertyNames ?? []);
  const want = names.flatMap((part) => resolved(part).description ?? [])[0] ?? wantAt(path.slice(0, -1));
  const sentence = `${fieldOf(path.slice(0, -1))} has the key ${shown(path.at(-1))}: ${want}`;
  return { path, isKey: true, sentence };
}

/** `rules[0].match.labels["kerf.dev/pool"]` */
export function fieldOf(path: Path): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return /^\w{1,40}$/.test(step) ? `.${step}` : `[${JSON.stringify(step.slice(0, 80))}]`;
  });
  return steps.join('').replace(/^\./, '') || 'the document';
}

/** The nearest description on the way to the path's end. */
function wantAt(path: Path): string {
  for (let length = path.length; length >= 0; length -= 1)
    for (const { description } of partsAt(path.slice(0, length)))
      if (description !== undefined) return description;
  return '';
}

/** What the schema says of a place: several parts where it leaves a choice. */
function partsAt(path: Path): readonly SchemaPart[] {
  let parts: readonly SchemaPart[] = withBranches(ROOT);
  for (const step of path) parts = parts.flatMap((part) => inside(part, step)).flatMap(withBranches);
  return parts;
}

function inside(
  { items, properties, additionalProperties }: SchemaPart,
  step: string | number,
): SchemaPart[] {
  if (typeof step === 'number') return items === undefined ? [] : [items];
  if (properties !== undefined && Object.hasOwn(properties, step)) return [properties[step] as SchemaPart];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}

function withBranches(part: SchemaPart): readonly SchemaPart[] {
  const whole = resolved(part);
  return [whole, ...(whole.anyOf ?? []).flatMap(withBranches)];
}

function resolved(part: SchemaPart): SchemaPart {
  return part.$ref === undefined ? part : (DEFINITIONS[part.$ref.replace('#/definitions/', '')] ?? {});
}

function valueAt(value: unknown, path: Path): unknown {
  let held = value;
  for (const step of path) {
    if (typeof held !== 'object' || held === null || !Object.hasOwn(held, step)) return undefined;
    held = (held as Readonly<Record<string | number, unknown>>)[step];
  }
  return held;
}
