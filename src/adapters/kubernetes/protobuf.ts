// SPDX-License-Identifier: Apache-2.0
// Objects of the API server in its protobuf form, read into what their JSON would parse to, but only the fields that a
// shape names: of a pod's four kilobytes we read four hundred bytes. The API server encodes an event once for all that
// watch in this form, kube-scheduler among them; JSON it would encode for us alone.
//
// Form (k8s.io/apimachinery runtime/generated.proto and meta/v1/generated.proto): an object is `k8s\0` and an Unknown
// {1: {1: apiVersion, 2: kind}, 2: raw}; a list's raw is {1: ListMeta, 2: items}; a watch is frames of a length (4 bytes,
// big-endian) and a WatchEvent {1: type, 2: {1: object with its `k8s\0`}}.
import { Cursor, DELIMITED, VARINT } from './cursor.js';

/** Fields by their number in the .proto. */
export interface Shape {
  readonly [field: number]: Field;
}

export type Field =
  | { readonly name: string; readonly kind: 'text' | 'number' | 'texts' | 'quantities' }
  | { readonly name: string; readonly kind: 'one' | 'many'; readonly of: Shape };

/** As the Accept header says it; servers that do not know the first form answer in the second. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
export const PROTOBUF_OR_JSON = `${PROTOBUF},application/json`;

export type Read = Record<string, unknown>;

export interface ProtobufPage {
  readonly items: readonly Read[];
  readonly revision: string;
  readonly next: string;
}

/** Throws where the bytes are no such list. */
export function readList(bytes: Uint8Array, shape: Shape): ProtobufPage {
  const list = readObject(new Cursor(bytes), bytes.length, {
    1: { name: 'metadata', kind: 'one', of: LIST_META },
    2: { name: 'items', kind: 'many', of: shape },
  });
  const { resourceVersion, continue: next } = (list.metadata ?? {}) as Partial<Record<string, string>>;
  return { items: (list.items ?? []) as readonly Read[], revision: resourceVersion ?? '', next: next ?? '' };
}

/** One frame without its length. The object of an ERROR is a Status. Throws where the bytes are no event. */
export function readWatchEvent(frame: Uint8Array, shape: Shape): { readonly type: string; object: Read } {
  const cursor = new Cursor(frame);
  let type = '';
  let object: Read = {};
  while (cursor.at < cursor.end) {
    const tag = cursor.tag();
    if (tag === TAG_1) type = cursor.text();
    else if (tag === TAG_2) object = readRawExtension(cursor, shape);
    else cursor.skip(tag);
  }
  return { type, object };
}

/** The Status that refuses a request, as its JSON. Throws where the bytes are none. */
export function readStatus(bytes: Uint8Array): Read {
  return readObject(new Cursor(bytes), bytes.length, STATUS);
}

function readRawExtension(cursor: Cursor, shape: Shape): Read {
  const end = cursor.close();
  let object: Read = {};
  while (cursor.at < end) {
    const tag = cursor.tag();
    if (tag === TAG_1) object = readObject(cursor, cursor.close(), shape);
    else cursor.skip(tag);
  }
  return ended(cursor, end, object);
}

const TAG_1 = (1 << 3) | DELIMITED;
const TAG_2 = (2 << 3) | DELIMITED;

const LIST_META: Shape = {
  2: { name: 'resourceVersion', kind: 'text' },
  3: { name: 'continue', kind: 'text' },
};

const STATUS: Shape = {
  3: { name: 'message', kind: 'text' },
  4: { name: 'reason', kind: 'text' },
  6: { name: 'code', kind: 'number' },
};

const MAGIC = [0x6b, 0x38, 0x73, 0x00];

/** An object in its envelope, up to `end`; a Status is read as one, whatever was expected. */
function readObject(cursor: Cursor, end: number, shape: Shape): Read {
  if (!cursor.isAhead(MAGIC)) throw new RangeError('no object in protobuf form');
  cursor.at += MAGIC.length;
  let kind = '';
  let object: Read | null = null;
  while (cursor.at < end) {
    const tag = cursor.tag();
    if (tag === TAG_1) kind = textOf(readFields(cursor, cursor.close(), TYPE_META).kind);
    else if (tag === TAG_2) object = readFields(cursor, cursor.close(), kind === 'Status' ? STATUS : shape);
    else cursor.skip(tag);
  }
  if (object === null) throw new RangeError('an object in protobuf form without its bytes');
  return ended(cursor, end, object);
}

const TYPE_META: Shape = { 2: { name: 'kind', kind: 'text' } };

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Reads up to `end`; a field of a shape in another wire type is no such object. */
function readFields(cursor: Cursor, end: number, shape: Shape): Read {
  const read: Read = {};
  while (cursor.at < end) {
    const tag = cursor.tag();
    const field = shape[tag >>> 3];
    if (field === undefined) cursor.skip(tag);
    else if ((tag & 7) === (field.kind === 'number' ? VARINT : DELIMITED)) readField(cursor, field, read);
    else throw new RangeError(`${field.name} in another wire type`);
  }
  return ended(cursor, end, read);
}

function ended<T>(cursor: Cursor, end: number, read: T): T {
  if (cursor.at !== end) throw new RangeError('a field reaches beyond its message');
  return read;
}

function readField(cursor: Cursor, field: Field, into: Read): void {
  const { name } = field;
  if (field.kind === 'number') into[name] = cursor.uint32() | 0;
  else if (field.kind === 'text') {
    const text = cursor.text();
    // Go writes what it does not know as an empty text; JSON leaves it out.
    if (text !== '') into[name] = text;
  } else if (field.kind === 'one') into[name] = readFields(cursor, cursor.close(), field.of);
  else if (field.kind === 'many') append(into, name, readFields(cursor, cursor.close(), field.of));
  else readEntry(cursor, field.kind, ((into[name] as Read | undefined) ?? (into[name] = {})) as Read);
}

function append(into: Read, name: string, item: Read): void {
  const list = into[name] as Read[] | undefined;
  if (list === undefined) into[name] = [item];
  else list.push(item);
}

/** Of a map: {1: key, 2: value}; a quantity is {1: its text}. */
function readEntry(cursor: Cursor, kind: 'texts' | 'quantities', into: Read): void {
  const end = cursor.close();
  let key = '';
  let value = '';
  while (cursor.at < end) {
    const tag = cursor.tag();
    if (tag === TAG_1) key = cursor.text();
    else if (tag === TAG_2) value = kind === 'texts' ? cursor.text() : readQuantity(cursor);
    else cursor.skip(tag);
  }
  ended(cursor, end, into);
  // A key may be any text; this one would set what the object inherits from.
  if (key !== '__proto__') into[key] = value;
  else Object.defineProperty(into, key, { value, enumerable: true, writable: true, configurable: true });
}

const QUANTITY: Shape = { 1: { name: 'string', kind: 'text' } };
const readQuantity = (cursor: Cursor): string => textOf(readFields(cursor, cursor.close(), QUANTITY).string);
