/**
 * Picks the best of many scores without sorting them all: a heap of `count` whose root is the worst kept. Ties go to the lower item
 * number, so that the same scores give the same list everywhere.
 */
export class TopItems {
  readonly #items: Int32Array;
  readonly #scores: Float64Array;
  #size = 0;

  constructor(count: number) {
    this.#items = new Int32Array(count);
    this.#scores = new Float64Array(count);
  }

  /** The best of `scores`, best first; what is -Infinity or NaN is no candidate. */
  select(scores: ArrayLike<number>): Int32Array {
    this.#size = 0;
    const capacity = this.#items.length;
    for (let item = 0; item < scores.length; item++) {
      const score = scores[item]!;
      if (this.#size < capacity) {
        if (score > Number.NEGATIVE_INFINITY) this.#push(item, score);
      } else if (score > this.#scores[0]!) this.#replaceRoot(item, score);
    }
    return this.#drain();
  }

  /** Whether entry a would be thrown out before entry b. */
  #worse(a: number, b: number): boolean {
    const difference = this.#scores[a]! - this.#scores[b]!;
    return difference < 0 || (difference === 0 && this.#items[a]! > this.#items[b]!);
  }

  #swap(a: number, b: number): void {
    const [item, score] = [this.#items[a]!, this.#scores[a]!];
    this.#items[a] = this.#items[b]!;
    this.#scores[a] = this.#scores[b]!;
    this.#items[b] = item;
    this.#scores[b] = score;
  }

  #push(item: number, score: number): void {
    let at = this.#size++;
    this.#items[at] = item;
    this.#scores[at] = score;
    while (at > 0 && this.#worse(at, (at - 1) >> 1)) {
      this.#swap(at, (at - 1) >> 1);
      at = (at - 1) >> 1;
    }
  }

  #replaceRoot(item: number, score: number): void {
    this.#items[0] = item;
    this.#scores[0] = score;
    this.#sink();
  }

  #sink(): void {
    for (let at = 0; ; ) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#size && this.#worse(child, worst)) worst = child;
      if (worst === at) return;
      this.#swap(at, worst);
      at = worst;
    }
  }

  #drain(): Int32Array {
    const best = new Int32Array(this.#size);
    while (this.#size > 0) {
      best[this.#size - 1] = this.#items[0]!;
      this.#size--;
      this.#swap(0, this.#size);
      this.#sink();
    }
    return best;
  }
}
