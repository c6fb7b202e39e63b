import type { LinearAlgebra, SparseRows } from '../linear-algebra/linear-algebra.ts';
import type { History } from './interactions.ts';
import type { ItemRecommender, Neighbours } from './recommender.ts';
import { TopItems } from './top-items.ts';

/** Row i are the weights out of item i; `matrix` is `itemCount` squared, row by row. */
export interface DenseWeights {
  readonly itemCount: number;
  readonly matrix: Float32Array;
}

/** scores += the weighted sum of the rows in the history, four at a time: one pass over `scores` for four over the matrix. */
function addRows({ matrix, itemCount }: DenseWeights, history: History, scores: Float32Array): void {
  const { items, weights } = history;
  let k = 0;
  for (; k + 4 <= items.length; k += 4) {
    const [h0, h1, h2, h3] = [weights[k]!, weights[k + 1]!, weights[k + 2]!, weights[k + 3]!];
    const row = (at: number): Float32Array => {
      const start = items[at]! * itemCount;
      return matrix.subarray(start, start + itemCount);
    };
    const [r0, r1, r2, r3] = [row(k), row(k + 1), row(k + 2), row(k + 3)];
    for (let j = 0; j < itemCount; j++)
      scores[j] = scores[j]! + h0 * r0[j]! + h1 * r1[j]! + h2 * r2[j]! + h3 * r3[j]!;
  }
  for (; k < items.length; k++) {
    const start = items[k]! * itemCount;
    const strength = weights[k]!;
    for (let j = 0; j < itemCount; j++) scores[j]! += strength * matrix[start + j]!;
  }
}

/** The `count` weights of each row that are largest in size. */
function strongestWeights({ matrix, itemCount }: DenseWeights, count: number): Neighbours {
  const top = new TopItems(Math.min(count, itemCount));
  const sizes = new Float32Array(itemCount);
  const ids: Int32Array[] = [];
  const weights: Float32Array[] = [];
  for (let item = 0; item < itemCount; item++) {
    const row = matrix.subarray(item * itemCount, (item + 1) * itemCount);
    for (let j = 0; j < itemCount; j++)
      sizes[j] = row[j] === 0 ? Number.NEGATIVE_INFINITY : Math.abs(row[j]!);
    const kept = top.select(sizes);
    ids.push(kept);
    weights.push(Float32Array.from(kept, (other) => row[other]!));
  }
  return Object.freeze({ ids, weights });
}

/** Histories as the rows of a sparse matrix. */
export function sparseRowsOf(histories: readonly History[], columnCount: number): SparseRows {
  const offsets = new Int32Array(histories.length + 1);
  histories.forEach(({ items }, row) => {
    offsets[row + 1] = offsets[row]! + items.length;
  });
  const columns = new Int32Array(offsets.at(-1)!);
  const values = new Float32Array(columns.length);
  histories.forEach(({ items, weights }, row) => {
    columns.set(items, offsets[row]!);
    values.set(weights, offsets[row]!);
  });
  return { columnCount, offsets, columns, values };
}

export function denseItemRecommender(
  name: string,
  dense: DenseWeights,
  algebra: LinearAlgebra,
): ItemRecommender {
  return Object.freeze({
    name,
    itemCount: dense.itemCount,
    score(history: History, scores: Float32Array): void {
      scores.fill(0);
      addRows(dense, history, scores);
    },
    scoreAll: (histories: readonly History[]) =>
      algebra.sparseProduct(sparseRowsOf(histories, dense.itemCount), dense.matrix, dense.itemCount),
    toNeighbours: (count: number) => strongestWeights(dense, count),
  });
}
