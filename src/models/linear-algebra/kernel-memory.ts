import { AppError } from '../../errors.ts';

const PAGE_BYTES = 65_536;
const LIMIT_BYTES = 2 ** 32;
/** The words by which threads keep step (kernel/assembly/threads.ts) come first. */
const HEADER_BYTES = 256;
const STATUS_WORD = 192 / 4;
const LINE_BYTES = 64;

/** A matrix in the kernel's memory: rows and columns padded to multiples of 8, so that the kernel knows no edges. */
export interface StoredMatrix {
  readonly address: number;
  readonly rows: number;
  readonly columns: number;
  /** Bytes from row to row. */
  readonly step: number;
}

export function padded(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** What one operation needs of the memory, planned before anything is taken: then `reserve` it, then write. */
export class KernelMemory {
  readonly #memory: WebAssembly.Memory;
  #bytes = HEADER_BYTES;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Address of room for `count` numbers of 4 bytes. */
  array(count: number): number {
    const address = this.#bytes;
    this.#bytes += Math.ceil((count * 4) / LINE_BYTES) * LINE_BYTES;
    return address;
  }

  /** @param width of a row with its padding */
  matrix(rows: number, columns: number, width: number = padded(columns)): StoredMatrix {
    // Rows a power of two apart would fall on the same few lines of the cache.
    return this.#matrix(rows, columns, width % 256 === 0 ? width + 16 : width);
  }

  /** A matrix whose rows follow each other without a gap but their padding. */
  rows(rows: number, columns: number): StoredMatrix {
    return this.#matrix(rows, columns, padded(columns));
  }

  #matrix(rows: number, columns: number, width: number): StoredMatrix {
    return { address: this.array(padded(rows) * width), rows, columns, step: width * 4 };
  }

  /** @throws MODEL_BAD_INPUT when there is not enough memory */
  reserve(what: string): void {
    const gigabytes = (this.#bytes / 2 ** 30).toFixed(1);
    const refuse = (limit: string, cause?: unknown) =>
      new AppError('MODEL_BAD_INPUT', `${what} needs ${gigabytes} GiB of memory; ${limit}.`, {
        details: { bytes: this.#bytes },
        hint: 'Take fewer items, or a sparse model.',
        cause,
      });
    if (this.#bytes > LIMIT_BYTES) throw refuse('the kernel can have 4');
    const missing = Math.ceil(this.#bytes / PAGE_BYTES) - this.#memory.buffer.byteLength / PAGE_BYTES;
    if (missing > 0) {
      try {
        this.#memory.grow(missing);
      } catch (cause) {
        throw refuse('this machine does not give it', cause);
      }
    }
    new Int32Array(this.#memory.buffer, 0, HEADER_BYTES / 4).fill(0);
  }

  /** 0, or what the kernel function says went wrong. */
  status(): number {
    return new Int32Array(this.#memory.buffer)[STATUS_WORD]!;
  }

  floats(address: number, count: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, count);
  }

  writeArray(address: number, values: Float32Array | Int32Array): void {
    if (values instanceof Float32Array) this.floats(address, values.length).set(values);
    else new Int32Array(this.#memory.buffer, address, values.length).set(values);
  }

  /** Zeroes the padding, and all of it where there are no values. */
  write(to: StoredMatrix, values?: Float32Array): void {
    const width = to.step / 4;
    const target = this.floats(to.address, padded(to.rows) * width);
    if (!values || width !== to.columns || padded(to.rows) !== to.rows) target.fill(0);
    if (!values) return;
    for (let row = 0; row < to.rows; row++)
      target.set(values.subarray(row * to.columns, (row + 1) * to.columns), row * width);
  }

  read(from: StoredMatrix, into: Float32Array = new Float32Array(from.rows * from.columns)): Float32Array {
    const width = from.step / 4;
    const source = this.floats(from.address, padded(from.rows) * width);
    for (let row = 0; row < from.rows; row++)
      into.set(source.subarray(row * width, row * width + from.columns), row * from.columns);
    return into;
  }
}
