import type { SparseVector } from './content.ts';
import { type Columns, type Interactions, transpose } from './interactions.ts';
import type { Neighbours } from './recommender.ts';
import { TopItems } from './top-items.ts';

/** Vectors one after the other: of each product its terms, those that `keep` says. */
function toRows(vectors: readonly SparseVector[], keep: (term: number) => boolean): Interactions {
  const offsets = new Int32Array(vectors.length + 1);
  const items: number[] = [];
  const weights: number[] = [];
  vectors.forEach((vector, row) => {
    vector.terms.forEach((term, k) => {
      if (!keep(term)) return;
      items.push(term);
      weights.push(vector.weights[k]!);
    });
    offsets[row + 1] = items.length;
  });
  const itemCount = vectors.reduce((most, { terms }) => Math.max(most, 1 + (terms.at(-1) ?? -1)), 0);
  return { itemCount, offsets, items: Int32Array.from(items), weights: Float32Array.from(weights) };
}

/** Products that share a term with one of them, and how similar they are; arrays as large as the catalogue serve all. */
class Comparison {
  readonly #vectors: readonly SparseVector[];
  readonly #columns: Columns;
  readonly #maxShared: number;
  readonly #sums: Float64Array;
  readonly #others: Int32Array;
  /** Of each term, the weight that the product has for it that is compared. */
  readonly #own: Float64Array;
  /** Of each product, its terms that too many share; in a row, where looking at each product's own arrays took ten times as long. */
  readonly #common: Interactions;

  constructor(vectors: readonly SparseVector[], maxShared: number) {
    this.#vectors = vectors;
    this.#columns = transpose(toRows(vectors, () => true));
    this.#maxShared = maxShared;
    this.#sums = new Float64Array(vectors.length);
    this.#others = new Int32Array(vectors.length);
    this.#own = new Float64Array(this.#columns.offsets.length);
    this.#common = toRows(vectors, (term) => this.#isCommon(term));
  }

  #isCommon(term: number): boolean {
    return this.#columns.offsets[term + 1]! - this.#columns.offsets[term]! > this.#maxShared;
  }

  /** The others that share a rare term with the product. Their sums are there until they are read. */
  #addRare(product: number): Int32Array {
    const { offsets, users, weights } = this.#columns;
    const { terms, weights: own } = this.#vectors[product]!;
    let count = 0;
    for (let k = 0; k < terms.length; k++) {
      const term = terms[k]!;
      if (this.#isCommon(term)) continue;
      for (let at = offsets[term]!; at < offsets[term + 1]!; at++) {
        const other = users[at]!;
        if (other === product) continue;
        if (this.#sums[other] === 0) this.#others[count++] = other;
        this.#sums[other]! += weights[at]! * own[k]!;
      }
    }
    return this.#others.subarray(0, count);
  }

  /** The similarity of each of `others`, in their order; a view that the next call overwrites holds `others`. */
  compare(product: number): { others: Int32Array; scores: Float32Array } {
    const { terms, weights } = this.#vectors[product]!;
    const { offsets, items, weights: common } = this.#common;
    const others = this.#addRare(product);
    const scores = new Float32Array(others.length);
    for (let k = 0; k < terms.length; k++) this.#own[terms[k]!] = weights[k]!;
    for (let at = 0; at < others.length; at++) {
      const other = others[at]!;
      let sum = this.#sums[other]!;
      for (let k = offsets[other]!; k < offsets[other + 1]!; k++) sum += this.#own[items[k]!]! * common[k]!;
      scores[at] = sum;
      this.#sums[other] = 0;
    }
    for (let k = 0; k < terms.length; k++) this.#own[terms[k]!] = 0;
    return { others, scores };
  }
}

/**
 * For each product the `count` most similar by cosine, above 0 only. Through an inverted index: the cost is the sum of squares of how
 * many products share a term, so terms that more than `maxShared` products have only count among those found through rarer ones.
 */
export function contentNeighbours(
  vectors: readonly SparseVector[],
  count: number,
  maxShared = 2000,
): Neighbours {
  const comparison = new Comparison(vectors, maxShared);
  const top = new TopItems(count);
  const place = new Int32Array(vectors.length);
  const ids: Int32Array[] = [];
  const weights: Float32Array[] = [];
  for (let product = 0; product < vectors.length; product++) {
    const { others, scores } = comparison.compare(product);
    for (let at = 0; at < others.length; at++) place[others[at]!] = at;
    const best = top.select(scores, others).filter((other) => scores[place[other]!]! > 0);
    ids.push(best);
    weights.push(Float32Array.from(best, (other) => scores[place[other]!]!));
  }
  return Object.freeze({ ids, weights });
}
