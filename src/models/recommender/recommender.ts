import type { History } from './interactions.ts';

/** A fitted model: frozen, deterministic, never NaN. */
export interface Recommender {
  readonly name: string;
  readonly itemCount: number;
  /** Overwrites `scores` (length itemCount) with a score for every item, those of the history included; higher is better. */
  score(history: History, scores: Float32Array): void;
}

/** For each item those that it speaks for, the strongest weight (by size, negative ones too) first; ties by item number. */
export interface Neighbours {
  readonly ids: readonly Int32Array[];
  readonly weights: readonly Float32Array[];
}

/**
 * A model whose score of item j is the sum over the history of strength_i * w_ij, which is what SQL computes at read time. Its memory is
 * the catalogue's, and a customer whom the training never saw is scored like any other.
 */
export interface ItemRecommender extends Recommender {
  /** The strongest `count` weights out of each item: what is published. */
  toNeighbours(count: number): Neighbours;
}
