// SPDX-License-Identifier: Apache-2.0
// Objects of the API server in its protobuf form, read into what their JSON would parse to, but only the fields that a
// shape names: of a pod's four kilobytes we read four hundred bytes. The API server encodes an event once for all that
// watch in this form, kube-scheduler among them; JSON it would encode for us alone.
//
// Form (k8s.io/apimachinery runtime/generated.proto and meta/v1/generated.proto): an object is `k8s\0` and an Unknown
// {1: {1: apiVersion, 2: kind}, 2: raw}; a list's raw is {1: ListMeta, 2: items}; a watch is frames of a length (4 bytes,
// big-endian) and a WatchEvent {1: type, 2: {1: object with its `k8s\0`}}.
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

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
  const { raw } = openEnvelope(bytes);
  const list = readFields(raw, {
    1: { name: 'metadata', kind: 'one', of: LIST_META },
    2: { name: 'items', kind: 'many', of: shape },
  });
  const { resourceVersion, continue: next } = (list.metadata ?? {}) as Partial<Record<string, string>>;
  return { items: (list.items ?? []) as readonly Read[], revision: resourceVersion ?? '', next: next ?? '' };
}

/** One frame without its length. The object of an ERROR is a Status. Throws where the bytes are no event. */
export function readWatchEvent(frame: Uint8Array, shape: Shape): { readonly type: string; object: Read } {
  const reader = readerOf(frame);
  let type = '';
  let object: Read = {};
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === WireType.LengthDelimited) type = reader.string();
    else if (field === 2 && wire === WireType.LengthDelimited)
      object = readRawExtension(reader.bytes(), shape);
    else reader.skip(wire, field);
  }
  return { type, object };
}

/** The Status that refuses a request, as its JSON. Throws where the bytes are none. */
export function readStatus(bytes: Uint8Array): Read {
  return readFields(openEnvelope(bytes).raw, STATUS);
}

function readRawExtension(bytes: Uint8Array, shape: Shape): Read {
  const reader = readerOf(bytes);
  let object: Read = {};
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field !== 1 || wire !== WireType.LengthDelimited) reader.skip(wire, field);
    else {
      const { kind, raw } = openEnvelope(reader.bytes());
      object = readFields(raw, kind === 'Status' ? STATUS : shape);
    }
  }
  return object;
}

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

function openEnvelope(bytes: Uint8Array): { readonly kind: string; readonly raw: Uint8Array } {
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) throw new RangeError('no object in protobuf form');
  const reader = readerOf(bytes.subarray(MAGIC.length));
  let kind = '';
  let raw: Uint8Array | null = null;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === WireType.LengthDelimited) kind = kindOf(reader.bytes());
    else if (field === 2 && wire === WireType.LengthDelimited) raw = reader.bytes();
    else reader.skip(wire, field);
  }
  if (raw === null) throw new RangeError('an object in protobuf form without its bytes');
  return { kind, raw };
}

const kindOf = (typeMeta: Uint8Array): string =>
  textOf(readFields(typeMeta, { 2: { name: 'kind', kind: 'text' } }).kind);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const readFields = (bytes: Uint8Array, shape: Shape): Read => readUntil(readerOf(bytes), bytes.length, shape);

/** Reads from where the reader stands up to `end`; a field of a shape in another wire type is no such object. */
function readUntil(reader: BinaryReader, end: number, shape: Shape): Read {
  const read: Read = {};
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = shape[number];
    if (field === undefined) reader.skip(wire, number);
    else readField(reader, field, read);
  }
  if (reader.pos > end) throw new RangeError('a field reaches beyond its message');
  return read;
}

function readField(reader: BinaryReader, field: Field, into: Read): void {
  const { name } = field;
  if (field.kind === 'number') into[name] = reader.int32();
  else if (field.kind === 'text') {
    const text = reader.string();
    // Go writes what it does not know as an empty text; JSON leaves it out.
    if (text !== '') into[name] = text;
  } else if (field.kind === 'one') into[name] = readMessage(reader, field.of);
  else if (field.kind === 'many') append(into, name, readMessage(reader, field.of));
  else readEntry(reader, field.kind, ((into[name] as Read | undefined) ?? (into[name] = {})) as Read);
}

function append(into: Read, name: string, item: Read): void {
  const list = into[name] as Read[] | undefined;
  if (list === undefined) into[name] = [item];
  else list.push(item);
}

function readMessage(reader: BinaryReader, shape: Shape): Read {
  const length = reader.uint32();
  return readUntil(reader, endOf(reader, length), shape);
}

/** Of a map: {1: key, 2: value}; a quantity is {1: its text}. */
function readEntry(reader: BinaryReader, kind: 'texts' | 'quantities', into: Read): void {
  const length = reader.uint32();
  const end = endOf(reader, length);
  let key = '';
  let value = '';
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    if (number === 1) key = reader.string();
    else if (number === 2) value = kind === 'texts' ? reader.string() : readQuantity(reader);
    else reader.skip(wire, number);
  }
  // A key may be any text, `__proto__` too.
  Object.defineProperty(into, key, { value, enumerable: true, writable: true, configurable: true });
}

const QUANTITY: Shape = { 1: { name: 'string', kind: 'text' } };
const readQuantity = (reader: BinaryReader): string => textOf(readMessage(reader, QUANTITY).string);

function endOf(reader: BinaryReader, length: number): number {
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('a message ends before its length');
  return end;
}

/** Much faster than a TextDecoder for texts of a few bytes. */
const decodeUtf8 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

const readerOf = (bytes: Uint8Array): BinaryReader => new BinaryReader(bytes, decodeUtf8);
