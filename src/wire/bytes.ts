// SPDX-License-Identifier: Apache-2.0
// Fixed-width little-endian fields, read and written without Node's Buffer.

/** A 64-bit count; null where it does not fit a safe integer (then it is no count anybody wrote in earnest). */
export function readCount(view: DataView, offset: number): number | null {
  const value = view.getBigUint64(offset, true);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}

/** Nanoseconds pass 2^53 after 104 days: the last digits are given up. null where nobody's clock goes that far. */
export function readNs(view: DataView, offset: number): number | null {
  const value = view.getBigUint64(offset, true);
  return value < 1n << 63n ? Number(value) : null;
}

export function writeCount(view: DataView, offset: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`bug: ${value} is no count of 64 bits`);
  view.setBigUint64(offset, BigInt(value), true);
}

export function writeNs(view: DataView, offset: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 63)
    throw new Error(`bug: ${value} is no time in ns`);
  view.setBigUint64(offset, BigInt(value), true);
}

/** Printable ASCII up to the first NUL; null where other bytes or no NUL are found. */
export function readText(view: DataView, offset: number, size: number): string | null {
  let text = '';
  for (let at = offset; at < offset + size; at += 1) {
    const byte = view.getUint8(at);
    if (byte === 0) return text;
    if (byte < 0x20 || byte > 0x7e) return null;
    text += String.fromCharCode(byte);
  }
  return null;
}

/** Writes printable ASCII with at least one NUL behind it; the field is zero before. */
export function writeText(
  view: DataView,
  field: { readonly offset: number; readonly size: number },
  text: string,
): void {
  if (text.length >= field.size) throw new Error(`bug: "${text}" does not fit ${field.size - 1} bytes`);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) throw new Error(`bug: "${text}" is not printable ASCII`);
    view.setUint8(field.offset + i, code);
  }
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
