import { AppError } from '../../errors.ts';
import { type Columns, checkInteractions, type Interactions, transpose } from './interactions.ts';
import type { ItemRecommender, Neighbours } from './recommender.ts';
import { sparseItemRecommender } from './sparse-item-recommender.ts';
import { TopItems } from './top-items.ts';

/**
 * How alike two items are, from what their users have in common (`common`, of weights) and each has for itself (`own`, of squared
 * weights). Cosine: Sarwar et al. 2001, eq. 3. Jaccard, lift and counts: the choices of SAR (Microsoft `recommenders`).
 */
export type Similarity = 'cosine' | 'jaccard' | 'lift' | 'counts';

export interface ItemNeighbourOptions {
  /** Neighbours kept for each item, most similar first. */
  readonly neighbours: number;
  /** Added to what the similarity divides by: pulls those that rest on one or two customers towards 0. */
  readonly shrinkage: number;
  /** Cosine unless given. */
  readonly similarity?: Similarity;
}

type Formula = (common: number, own: number, other: number, shrinkage: number) => number;

/** Of norms, which for the cosine are the roots of what each item has for itself. */
const formulas: Record<Similarity, Formula> = {
  cosine: (common, own, other, shrinkage) => common / (own * other + shrinkage),
  jaccard: (common, own, other, shrinkage) => common / (Math.max(own + other - common, common) + shrinkage),
  lift: (common, own, other, shrinkage) => common / (own * other + shrinkage),
  counts: (common) => common,
};

function normsOf(own: Float64Array, similarity: Similarity): Float64Array {
  return similarity === 'cosine' ? own.map(Math.sqrt) : own;
}

/** Inner products of items, one row at a time, in arrays as large as the catalogue: what is touched is cleaned by the reader. */
export class CoOccurrences {
  readonly #data: Interactions;
  readonly #columns: Columns;
  /** dot[j] after `load(i)`: the sum over users of weight_i * weight_j. */
  readonly dot: Float64Array;
  readonly #touched: Int32Array;
  #count = 0;

  constructor(data: Interactions) {
    this.#data = data;
    this.#columns = transpose(data);
    this.dot = new Float64Array(data.itemCount);
    this.#touched = new Int32Array(data.itemCount);
  }

  /** The items that share a user with `item`, itself among them; a view that the next call overwrites. */
  load(item: number): Int32Array {
    for (let t = 0; t < this.#count; t++) this.dot[this.#touched[t]!] = 0;
    this.#count = 0;
    const { offsets, users, weights } = this.#columns;
    for (let k = offsets[item]!; k < offsets[item + 1]!; k++) {
      const user = users[k]!;
      const weight = weights[k]!;
      for (let m = this.#data.offsets[user]!; m < this.#data.offsets[user + 1]!; m++) {
        const other = this.#data.items[m]!;
        if (this.dot[other] === 0) this.#touched[this.#count++] = other;
        this.dot[other]! += weight * this.#data.weights[m]!;
      }
    }
    return this.#touched.subarray(0, this.#count);
  }
}

function findNeighbours(data: Interactions, options: ItemNeighbourOptions): Neighbours {
  const similarity = options.similarity ?? 'cosine';
  const formula = formulas[similarity];
  const own = new Float64Array(data.itemCount);
  for (let k = 0; k < data.items.length; k++) own[data.items[k]!]! += data.weights[k]! ** 2;
  const norms = normsOf(own, similarity);
  const products = new CoOccurrences(data);
  const top = new TopItems(Math.min(options.neighbours, data.itemCount));
  const ids: Int32Array[] = [];
  const weights: Float32Array[] = [];
  // Loops and one array for all: filter and from with a function took ten times as long, and most of a training.
  const scores = new Float64Array(data.itemCount);
  for (let item = 0; item < data.itemCount; item++) {
    const others = products.load(item);
    for (let k = 0; k < others.length; k++) {
      const other = others[k]!;
      scores[k] =
        other === item
          ? Number.NEGATIVE_INFINITY
          : formula(products.dot[other]!, norms[item]!, norms[other]!, options.shrinkage);
    }
    const best = top.select(scores.subarray(0, others.length), others);
    ids.push(best);
    weights.push(
      Float32Array.from(best, (other) =>
        formula(products.dot[other]!, norms[item]!, norms[other]!, options.shrinkage),
      ),
    );
  }
  return { ids, weights };
}

/** The same from X^T X of `itemCount` squared, whose diagonal is what each item has for itself. @throws MODEL_BAD_INPUT */
export function neighboursOfGram(
  gram: Float32Array,
  itemCount: number,
  options: ItemNeighbourOptions,
): ItemRecommender {
  checkOptions(options);
  const similarity = options.similarity ?? 'cosine';
  const formula = formulas[similarity];
  const own = Float64Array.from({ length: itemCount }, (_, item) => gram[item * itemCount + item]!);
  const norms = normsOf(own, similarity);
  const scores = new Float64Array(itemCount);
  const top = new TopItems(Math.min(options.neighbours, itemCount));
  const ids: Int32Array[] = [];
  const weights: Float32Array[] = [];
  for (let item = 0; item < itemCount; item++) {
    const row = item * itemCount;
    for (let other = 0; other < itemCount; other++) {
      const common = gram[row + other]!;
      scores[other] =
        common === 0 || other === item
          ? Number.NEGATIVE_INFINITY
          : formula(common, norms[item]!, norms[other]!, options.shrinkage);
    }
    const best = top.select(scores);
    ids.push(best);
    weights.push(Float32Array.from(best, (other) => scores[other]!));
  }
  return sparseItemRecommender('item-knn', { ids, weights });
}

function checkOptions({ shrinkage, neighbours }: ItemNeighbourOptions): void {
  if (shrinkage >= 0 && neighbours >= 1) return;
  throw new AppError(
    'MODEL_BAD_INPUT',
    'Item neighbours: at least one neighbour, and no negative shrinkage.',
  );
}

/**
 * Item-item similarity with shrinkage, from one pass over each item's users and their rows: the cost is the sum of squared row lengths,
 * the memory that of the catalogue. Deterministic.
 * @throws MODEL_BAD_INPUT
 */
export function fitItemNeighbours(data: Interactions, options: ItemNeighbourOptions): ItemRecommender {
  checkInteractions(data);
  checkOptions(options);
  return sparseItemRecommender('item-knn', findNeighbours(data, options));
}
