// SPDX-License-Identifier: Apache-2.0
// Goes through a message in protobuf's wire format, field by field, in place: nothing is cut out or copied but the texts
// that are asked for. What is no such message ends in a RangeError.

export const VARINT = 0;
export const FIXED_64 = 1;
export const DELIMITED = 2;
export const FIXED_32 = 5;

const LONGEST_VARINT = 10;

export class Cursor {
  at = 0;
  readonly end: number;
  private readonly bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  /** Field number × 8 + wire type. */
  tag(): number {
    const tag = this.uint32();
    if (tag < 8) throw new RangeError('a field without a number');
    return tag;
  }

  uint32(): number {
    const { bytes } = this;
    // Nearly all are tags and lengths of one byte. Beyond the end there is no byte, and no comparison is true.
    const first = bytes[this.at] as number;
    if (first < 0x80) {
      this.at += 1;
      return first;
    }
    let value = 0;
    for (let length = 0; length < LONGEST_VARINT; length++) {
      if (this.at >= this.end) throw new RangeError('the bytes end within a number');
      const byte = bytes[this.at++] as number;
      // A number below nothing has ten bytes, of which the first five say what 32 bits hold.
      if (length < 5) value |= (byte & 0x7f) << (7 * length);
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError('a number without an end');
  }

  /** Reads a length; answers where what is so long ends. */
  close(): number {
    const length = this.uint32();
    const end = this.at + length;
    if (end > this.end) throw new RangeError('a field ends beyond the bytes');
    return end;
  }

  text(): string {
    const end = this.close();
    const text = this.bytes.toString('utf8', this.at, end);
    this.at = end;
    return text;
  }

  isAhead(bytes: readonly number[]): boolean {
    for (let at = 0; at < bytes.length; at++) if (this.bytes[this.at + at] !== bytes[at]) return false;
    return true;
  }

  /** Passes by what a tag has announced. */
  skip(tag: number): void {
    const wire = tag & 7;
    if (wire === DELIMITED) this.at = this.close();
    else if (wire === VARINT) this.uint32();
    else if (wire === FIXED_64) this.at += 8;
    else if (wire === FIXED_32) this.at += 4;
    else throw new RangeError(`wire type ${wire}`);
    if (this.at > this.end) throw new RangeError('a field ends beyond the bytes');
  }
}
