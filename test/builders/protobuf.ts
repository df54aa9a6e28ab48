// SPDX-License-Identifier: Apache-2.0
// Writes what src/adapters/kubernetes/protobuf reads, by the same shapes: envelopes, lists, frames of a watch.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Field, Read, Shape } from '../../src/adapters/kubernetes/protobuf.js';

/** A field no shape names: the reader has to pass it by. */
const UNREAD = 17;

export function envelope(kind: string, raw: Uint8Array): Uint8Array {
  const typeMeta = new BinaryWriter().uint32(tag(1)).string('v1').uint32(tag(2)).string(kind).finish();
  const unknown = new BinaryWriter().uint32(tag(1)).bytes(typeMeta).uint32(tag(2)).bytes(raw).finish();
  return Buffer.concat([Buffer.from('k8s\0'), unknown]);
}

export function encodeFields(object: Read, shape: Shape): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, field] of Object.entries(shape) as unknown as [number, Field][]) {
    const value = object[field.name];
    if (value !== undefined) writeField(writer, { number: Number(number), field, value });
  }
  return writer.uint32(tag(UNREAD)).string('passed by').finish();
}

export function encodeList(items: readonly Read[], shape: Shape, revision: string): Uint8Array {
  const writer = new BinaryWriter().uint32(tag(1)).bytes(text(2, revision));
  for (const item of items) writer.uint32(tag(2)).bytes(encodeFields(item, shape));
  return envelope('List', writer.finish());
}

/** With its length before it. */
export function encodeEvent(type: string, object: Uint8Array): Uint8Array {
  const extension = new BinaryWriter().uint32(tag(1)).bytes(object).finish();
  const event = new BinaryWriter().uint32(tag(1)).string(type).uint32(tag(2)).bytes(extension).finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

export function encodeStatus(code: number, reason: string, message: string): Uint8Array {
  const writer = new BinaryWriter().uint32(tag(3)).string(message).uint32(tag(4)).string(reason);
  return envelope(
    'Status',
    writer
      .uint32((6 << 3) | WireType.Varint)
      .int32(code)
      .finish(),
  );
}

interface Written {
  readonly number: number;
  readonly field: Field;
  readonly value: unknown;
}

function writeField(writer: BinaryWriter, { number, field, value }: Written): void {
  if (field.kind === 'number') writer.uint32((number << 3) | WireType.Varint).int32(value as number);
  else if (field.kind === 'text') writer.uint32(tag(number)).string(value as string);
  else if (field.kind === 'one') writer.uint32(tag(number)).bytes(encodeFields(value as Read, field.of));
  else if (field.kind === 'many')
    for (const item of value as Read[]) writer.uint32(tag(number)).bytes(encodeFields(item, field.of));
  else
    for (const [key, told] of Object.entries(value as Record<string, string>)) {
      const entry = new BinaryWriter().uint32(tag(1)).string(key).uint32(tag(2));
      if (field.kind === 'texts') entry.string(told);
      else entry.bytes(text(1, told));
      writer.uint32(tag(number)).bytes(entry.finish());
    }
}

const tag = (number: number): number => (number << 3) | WireType.LengthDelimited;
const text = (number: number, value: string): Uint8Array =>
  new BinaryWriter().uint32(tag(number)).string(value).finish();
