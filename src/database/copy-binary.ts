import type pg from 'pg';
import { to } from 'pg-copy-streams';
import { AppError } from '../errors.ts';

/** Signature (11 bytes), flags and the length of an extension (4 each): "COPY", PostgreSQL's manual, section Binary Format. */
const HEADER_BYTES = 19;
const LENGTH_BYTES = 4;
const DOUBLE_BYTES = 8;
const NULL_LENGTH = -1;
/** Stands in place of the next row's number of fields. */
const TRAILER = -1;

/** Numbers in columns that grow by doubling: eight bytes a value and no object for a row. */
class Columns {
  #columns: Float64Array[];
  #capacity = 1024;
  size = 0;

  constructor(width: number) {
    this.#columns = Array.from({ length: width }, () => new Float64Array(this.#capacity));
  }

  /** One row at `offset`. @returns where the next begins, or -1 where this one is not there whole */
  read(data: Buffer, offset: number): number {
    if (this.size === this.#capacity) this.#grow();
    let at = offset + 2;
    for (const column of this.#columns) {
      if (at + LENGTH_BYTES > data.length) return -1;
      const length = data.readInt32BE(at);
      at += LENGTH_BYTES;
      if (length === NULL_LENGTH) {
        column[this.size] = Number.NaN;
        continue;
      }
      if (length !== DOUBLE_BYTES)
        throw new AppError('INTERNAL', `a column of COPY is no double precision: ${length} bytes`);
      if (at + DOUBLE_BYTES > data.length) return -1;
      column[this.size] = data.readDoubleBE(at);
      at += DOUBLE_BYTES;
    }
    this.size += 1;
    return at;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#columns = this.#columns.map((column) => {
      const wider = new Float64Array(this.#capacity);
      wider.set(column);
      return wider;
    });
  }

  /** Views, of which at most half is room that was not needed; a copy would hold all of it twice for a while. */
  take(): Float64Array[] {
    return this.#columns.map((column) => column.subarray(0, this.size));
  }
}

/**
 * The columns of COPY … TO STDOUT (FORMAT binary), whose `width` columns must all be double precision. NULL is NaN. No row
 * and no field becomes an object: text would have to be cut into strings first.
 */
export async function copyColumns(
  client: pg.ClientBase,
  sql: string,
  width: number,
): Promise<Float64Array[]> {
  const columns = new Columns(width);
  let rest: Buffer = Buffer.alloc(0);
  let offset = HEADER_BYTES;
  for await (const chunk of client.query(to(sql)) as AsyncIterable<Buffer>) {
    const data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (offset + 2 <= data.length && data.readInt16BE(offset) === width) {
      const next = columns.read(data, offset);
      if (next < 0) break;
      offset = next;
    }
    // The header may not be there whole yet.
    rest = data.subarray(Math.min(offset, data.length));
    offset = Math.max(0, offset - data.length);
  }
  if (rest.length !== 2 || rest.readInt16BE() !== TRAILER)
    throw new AppError('INTERNAL', `COPY did not end as one of ${width} columns does`);
  return columns.take();
}
