import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from, to } from 'pg-copy-streams';
import { type CopyValue, copyRow } from './copy-text.ts';

const FLUSH_CHARACTERS = 1 << 16;

/**
 * Writes rows by COPY … FROM STDIN; waits where the server is slower. What `rows` throws ends the COPY and is thrown on.
 * @returns the number of rows
 */
export async function copyInto(
  client: pg.ClientBase,
  sql: string,
  rows: Iterable<readonly CopyValue[]>,
): Promise<number> {
  const stream = client.query(from(sql));
  const failed = finished(stream);
  // Without a handler a failure between two writes would count as unhandled; the awaits below still throw it.
  failed.catch(() => undefined);
  let buffer = '';
  let count = 0;
  try {
    for (const row of rows) {
      buffer += copyRow(row);
      count += 1;
      if (buffer.length < FLUSH_CHARACTERS) continue;
      if (!stream.write(buffer)) await Promise.race([once(stream, 'drain'), failed]);
      buffer = '';
    }
  } catch (error) {
    // A COPY left open would make the ROLLBACK wait for ever.
    stream.destroy(error as Error);
    await failed.catch(() => undefined);
    throw error;
  }
  stream.end(buffer);
  await failed;
  return count;
}

/** Signature, flags and length of an extension: "Binary Format" on the manual's page on COPY. */
const BINARY_HEADER_BYTES = 19;
const INTEGER_BYTES = 4;

/** Reads the row that begins at `at` into `row`. @returns where the next one begins; -1 where this one is not there whole */
function readNumbers(data: Buffer, at: number, row: number[]): number {
  if (data.length < at + 2) return -1;
  // The last row, which is none, says that it has -1 columns.
  const columns = data.readInt16BE(at);
  if (columns < 0) return -1;
  let place = at + 2;
  for (let column = 0; column < columns; column++) {
    if (data.length < place + 4) return -1;
    const bytes = data.readInt32BE(place);
    place += 4;
    if (data.length < place + bytes) return -1;
    if (bytes < 0) row[column] = Number.NaN;
    else row[column] = bytes === INTEGER_BYTES ? data.readInt32BE(place) : data.readDoubleBE(place);
    place += Math.max(0, bytes);
  }
  return place;
}

/**
 * Rows of COPY … TO STDOUT (FORMAT binary) whose columns are integer or double precision; NULL comes as NaN.
 * @param onRow is given one array, which the next row overwrites
 */
export async function copyNumbers(
  client: pg.ClientBase,
  sql: string,
  onRow: (row: readonly number[]) => void,
): Promise<void> {
  const row: number[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let begun = false;
  for await (const chunk of client.query(to(sql))) {
    const data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at: number = begun ? 0 : BINARY_HEADER_BYTES;
    for (let next = readNumbers(data, at, row); next >= 0; next = readNumbers(data, at, row)) {
      onRow(row);
      at = next;
    }
    begun ||= data.length >= at;
    rest = begun ? data.subarray(at) : data;
  }
}
