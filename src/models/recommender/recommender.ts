import type { History } from './interactions.ts';

/** A fitted model: frozen, deterministic, never NaN. */
export interface Recommender {
  readonly name: string;
  readonly itemCount: number;
  /** Overwrites `scores` (length itemCount) with a score for every item, those of the history included; higher is better. */
  score(history: History, scores: Float32Array): void;
  /** The same of many at once, one row each, where that is cheaper; about the same to the last digits. */
  scoreAll?(histories: readonly History[]): Promise<Float32Array>;
}

/** One row of scores for each history: as many floats as histories times items. */
export async function scoreAll(model: Recommender, histories: readonly History[]): Promise<Float32Array> {
  if (model.scoreAll) return model.scoreAll(histories);
  const scores = new Float32Array(histories.length * model.itemCount);
  histories.forEach((history, row) => {
    model.score(history, scores.subarray(row * model.itemCount, (row + 1) * model.itemCount));
  });
  return scores;
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
