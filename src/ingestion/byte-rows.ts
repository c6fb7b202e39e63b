/**
 * Many short texts as UTF-8 in one buffer. 25,000 rows as strings are 200,000 objects that survive a few collections each: the
 * garbage collector took a third of an import's time in Node until they went here.
 */
export class ByteRows {
  #bytes = Buffer.allocUnsafeSlow(1 << 20);
  #used = 0;
  readonly #ends: number[] = [];

  append(text: string): void {
    // A UTF-16 unit takes at most three bytes.
    const needed = this.#used + text.length * 3;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    this.#used += this.#bytes.write(text, this.#used);
    this.#ends.push(this.#used);
  }

  get(row: number): Buffer {
    return this.#bytes.subarray(row === 0 ? 0 : this.#ends[row - 1], this.#ends[row]);
  }

  /** Copies a row to `target` at `at`, from its byte `from` on; returns the place after it. */
  copyTo(target: Buffer, at: number, row: number, from: number, to: number): number {
    const start = row === 0 ? 0 : (this.#ends[row - 1] as number);
    return at + this.#bytes.copy(target, at, start + from, start + to);
  }

  lengthOf(row: number): number {
    return (this.#ends[row] as number) - (row === 0 ? 0 : (this.#ends[row - 1] as number));
  }
}
