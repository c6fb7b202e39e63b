/*
 * Arrays as parameters in PostgreSQL's binary form (array_recv: dimensions, has nulls, type, length, lower bound, then each element behind its
 * length). pg sends a Buffer as it is. The text form has to be escaped here and taken apart there: for 16 arrays of 800 that cost 3 us a row of
 * this process, and some of the backend.
 */

const oids = { int2: 21, int4: 23, text: 25, timestamptz: 1184, uuid: 2950, jsonb: 3802 };
const headerBytes = 20;
const lengthBytes = 4;
/** 2000-01-01, from which PostgreSQL counts. */
const epochMs = 946_684_800_000;
/** A call out of JavaScript costs more than writing so many characters one by one. */
const shortLength = 32;
/** Room behind the last text, so that one that is cut for want of room is seen by its length. */
const longestLetterBytes = 4;

/** One value of each row, which is a smallint. */
export function smallintArray<T>(rows: readonly T[], read: (row: T) => number): Buffer {
  const buffer = begin(oids.int2, rows.length, rows.length * (lengthBytes + 2));
  let at = headerBytes;
  for (const row of rows) {
    buffer.writeInt32BE(2, at);
    buffer.writeInt16BE(read(row), at + lengthBytes);
    at += lengthBytes + 2;
  }
  return buffer;
}

export function integerArray<T>(rows: readonly T[], read: (row: T) => number): Buffer {
  const buffer = begin(oids.int4, rows.length, rows.length * (lengthBytes + 4));
  let at = headerBytes;
  for (const row of rows) {
    buffer.writeInt32BE(4, at);
    buffer.writeInt32BE(read(row), at + lengthBytes);
    at += lengthBytes + 4;
  }
  return buffer;
}

/** @param read milliseconds since 1970, whole */
export function timestampArray<T>(rows: readonly T[], read: (row: T) => number): Buffer {
  const buffer = begin(oids.timestamptz, rows.length, rows.length * (lengthBytes + 8));
  let at = headerBytes;
  for (const row of rows) {
    buffer.writeInt32BE(8, at);
    writeInt64(buffer, read(row) - epochMs, at + lengthBytes);
    at += lengthBytes + 8;
  }
  return buffer;
}

/** In microseconds. Years far away leave what a float counts exactly. */
function writeInt64(buffer: Buffer, milliseconds: number, at: number): void {
  const microseconds = milliseconds * 1_000;
  if (!Number.isSafeInteger(microseconds)) buffer.writeBigInt64BE(BigInt(milliseconds) * 1_000n, at);
  else {
    const high = Math.floor(microseconds / 2 ** 32);
    buffer.writeInt32BE(high, at);
    buffer.writeUInt32BE(microseconds - high * 2 ** 32, at + 4);
  }
}

/** @param read 32 hexadecimal digits */
export function uuidArray<T>(rows: readonly T[], read: (row: T) => string): Buffer {
  const buffer = begin(oids.uuid, rows.length, rows.length * (lengthBytes + 16));
  let at = headerBytes;
  for (const row of rows) {
    buffer.writeInt32BE(16, at);
    buffer.write(read(row), at + lengthBytes, 'hex');
    at += lengthBytes + 16;
  }
  return buffer;
}

export function textArray<T>(rows: readonly T[], read: (row: T) => string): Buffer {
  return textual(oids.text, '', rows, read);
}

/** @param read JSON text */
export function jsonbArray<T>(rows: readonly T[], read: (row: T) => string): Buffer {
  // Version 1 of its binary form is the text behind this character.
  return textual(oids.jsonb, '\u0001', rows, read);
}

function textual<T>(oid: number, prefix: string, rows: readonly T[], read: (row: T) => string): Buffer {
  let letters = 0;
  for (const row of rows) letters += read(row).length;
  const fixed = rows.length * (lengthBytes + prefix.length);
  const buffer = begin(oid, rows.length, fixed + letters + longestLetterBytes);
  const end = fill(buffer, prefix, rows, read, true);
  if (end !== null) return buffer.subarray(0, end);
  let bytes = 0;
  for (const row of rows) bytes += Buffer.byteLength(read(row));
  const exact = begin(oid, rows.length, fixed + bytes);
  fill(exact, prefix, rows, read, false);
  return exact;
}

/** @returns where it ended; null where a letter takes more than the one byte that there is room for */
function fill<T>(
  buffer: Buffer,
  prefix: string,
  rows: readonly T[],
  read: (row: T) => string,
  isNarrow: boolean,
): number | null {
  let at = headerBytes;
  for (const row of rows) {
    const text = read(row);
    const from = at + lengthBytes + prefix.length;
    const bytes = writeText(buffer, text, from);
    if (isNarrow && bytes !== text.length) return null;
    buffer.writeInt32BE(prefix.length + bytes, at);
    if (prefix !== '') buffer[at + lengthBytes] = prefix.charCodeAt(0);
    at = from + bytes;
  }
  return at;
}

function writeText(buffer: Buffer, text: string, from: number): number {
  const { length } = text;
  if (length > shortLength) return buffer.write(text, from);
  for (let i = 0; i < length; i++) {
    const letter = text.charCodeAt(i);
    if (letter > 0x7f) return buffer.write(text, from);
    buffer[from + i] = letter;
  }
  return length;
}

function begin(oid: number, length: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + bytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}
