/**
 * Picks the best of many scores without sorting them all: what beats the worst kept goes into a buffer, which is cut to the best when it
 * is full. Ties go to the lower item number, so that the same scores give the same list everywhere.
 */
export class TopItems {
  readonly #count: number;
  readonly #items: Int32Array;
  readonly #scores: Float64Array;
  #size = 0;

  constructor(count: number) {
    this.#count = count;
    // Large enough that it is seldom cut, small enough for the first cache.
    this.#items = new Int32Array(4 * count + 16);
    this.#scores = new Float64Array(this.#items.length);
  }

  /**
   * The best of `scores`, best first; what is -Infinity or NaN is no candidate.
   * @param numbers item of each score, in any order; its place unless given
   * @param leading so many of them come in order, the others after them in any: to order thousands costs more than to find them
   */
  select(scores: ArrayLike<number>, numbers?: Int32Array, leading = this.#count): Int32Array {
    if (this.#count === 0) return new Int32Array(0);
    this.#size = 0;
    let worst = Number.NEGATIVE_INFINITY;
    for (let at = 0; at < scores.length; at++) {
      const score = scores[at]!;
      // Where items come by number, one that ties with the worst kept comes too late.
      if (numbers ? !(score >= worst && score > Number.NEGATIVE_INFINITY) : !(score > worst)) continue;
      if (this.#size === this.#items.length) {
        worst = this.#cut(this.#count);
        if (score < worst || (score === worst && !numbers)) continue;
      }
      this.#items[this.#size] = numbers ? numbers[at]! : at;
      this.#scores[this.#size++] = score;
    }
    if (this.#size > this.#count) this.#cut(this.#count);
    const found = this.#size;
    if (found > leading) this.#cut(leading);
    const order = Int32Array.from({ length: this.#size }, (_, at) => at).sort(
      (a, b) => this.#scores[b]! - this.#scores[a]! || this.#items[a]! - this.#items[b]!,
    );
    const best = this.#items.slice(0, found);
    for (let at = 0; at < order.length; at++) best[at] = this.#items[order[at]!]!;
    return best;
  }

  /** Whether entry a comes before the entry of `score` and `item`. */
  #better(a: number, score: number, item: number): boolean {
    const own = this.#scores[a]!;
    return own > score || (own === score && this.#items[a]! < item);
  }

  #swap(a: number, b: number): void {
    const [item, score] = [this.#items[a]!, this.#scores[a]!];
    this.#items[a] = this.#items[b]!;
    this.#scores[a] = this.#scores[b]!;
    this.#items[b] = item;
    this.#scores[b] = score;
  }

  /** Brings the best `count` to the front (Hoare's find) and counts no more than those. Returns the worst score kept. */
  #cut(count: number): number {
    const last = count - 1;
    for (let [from, to] = [0, this.#size - 1]; from < to; ) {
      const middle = (from + to) >> 1;
      const [score, item] = [this.#scores[middle]!, this.#items[middle]!];
      let [left, right] = [from, to];
      while (left <= right) {
        while (this.#better(left, score, item)) left++;
        while (!this.#better(right, score, item) && this.#items[right]! !== item) right--;
        if (left <= right) this.#swap(left++, right--);
      }
      if (last <= right) to = right;
      else if (last >= left) from = left;
      else break;
    }
    this.#size = count;
    return this.#scores[last]!;
  }
}
