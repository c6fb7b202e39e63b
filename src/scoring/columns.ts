/** Numbers in columns that grow by doubling: bytes, not objects, for each customer. */
export class Columns {
  readonly #columns: Float64Array[];
  size = 0;

  constructor(width: number) {
    this.#columns = Array.from({ length: width }, () => new Float64Array(1024));
  }

  /** One row of COPY text; \N (NULL) becomes NaN. */
  push(fields: readonly string[]): void {
    for (let i = 0; i < this.#columns.length; i++) {
      let column = this.#columns[i] as Float64Array;
      if (this.size === column.length) {
        const wider = new Float64Array(2 * column.length);
        wider.set(column);
        column = wider;
        this.#columns[i] = column;
      }
      column[this.size] = Number(fields[i]);
    }
    this.size += 1;
  }

  take(): Float64Array[] {
    return this.#columns.map((column) => column.slice(0, this.size));
  }
}
