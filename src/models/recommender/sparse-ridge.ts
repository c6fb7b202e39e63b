import { AppError } from '../../errors.ts';
import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import { EASE_MAX_ITEMS, type EaseOptions } from './ease.ts';
import { dotAt } from './factor-system.ts';
import { checkInteractions, type Interactions, normaliseRows } from './interactions.ts';
import { densePairs, gramMatrix, type ItemPairs, sparsePairs } from './item-pairs.ts';
import type { ItemRecommender, Neighbours } from './recommender.ts';
import { sparseItemRecommender } from './sparse-item-recommender.ts';

export interface SparseRidgeOptions extends EaseOptions {
  /** Items that may speak for an item: those that share most with it (cosine). The cost is its third power an item. */
  readonly candidates: number;
}

/** Solves the lower triangle in `matrix` (m x m) for `right`, in place; false when it is not positive definite. */
function solveInPlace(matrix: Float64Array, m: number, right: Float64Array): boolean {
  for (let i = 0; i < m; i++) {
    const row = i * m;
    for (let j = 0; j < i; j++)
      matrix[row + j] = (matrix[row + j]! - dotAt(matrix, row, matrix, j * m, j)) / matrix[j * m + j]!;
    const pivot = matrix[row + i]! - dotAt(matrix, row, matrix, row, i);
    if (!(pivot > 0)) return false;
    matrix[row + i] = Math.sqrt(pivot);
    right[i] = (right[i]! - dotAt(matrix, row, right, 0, i)) / matrix[row + i]!;
  }
  for (let i = m - 1; i >= 0; i--) {
    right[i] = right[i]! / matrix[i * m + i]!;
    for (let k = 0; k < i; k++) right[k]! -= matrix[i * m + k]! * right[i]!;
  }
  return true;
}

/** From what speaks for each item to what each item speaks for. */
function outgoing(
  itemCount: number,
  ids: readonly Int32Array[],
  weights: readonly Float64Array[],
): Neighbours {
  const targets: number[][] = Array.from({ length: itemCount }, () => []);
  const values: number[][] = Array.from({ length: itemCount }, () => []);
  ids.forEach((sources, target) => {
    sources.forEach((source, k) => {
      const weight = weights[target]![k]!;
      if (weight === 0) return;
      targets[source]!.push(target);
      values[source]!.push(weight);
    });
  });
  const order = values.map((list, source) =>
    list
      .map((_, k) => k)
      .sort((a, b) => Math.abs(list[b]!) - Math.abs(list[a]!) || targets[source]![a]! - targets[source]![b]!),
  );
  return {
    ids: order.map((list, source) => Int32Array.from(list, (k) => targets[source]![k]!)),
    weights: order.map((list, source) => Float32Array.from(list, (k) => values[source]![k]!)),
  };
}

/** Pairs of a data set: dense from the kernel where the matrix fits, which costs a tenth of collecting them one by one. */
async function ridgePairs(data: Interactions, algebra: LinearAlgebra): Promise<ItemPairs> {
  if (data.itemCount > EASE_MAX_ITEMS) return sparsePairs(data);
  return densePairs(await gramMatrix(data, algebra), data.itemCount);
}

/** The ridge regressions on pairs that are there already. @throws MODEL_BAD_INPUT */
export function solveSparseRidge(pairs: ItemPairs, options: SparseRidgeOptions): ItemRecommender {
  const { lambda, dropout = 0, candidates } = options;
  if (!(lambda > 0 && dropout >= 0 && dropout < 1 && candidates >= 1))
    throw new AppError(
      'MODEL_BAD_INPUT',
      'Sparse ridge: lambda above 0, dropout below 1, one candidate at least.',
    );
  const matrix = new Float64Array(candidates * candidates);
  const members: Int32Array[] = [];
  const weights: Float64Array[] = [];
  for (let item = 0; item < pairs.itemCount; item++) {
    const sources = pairs.candidates(item, candidates);
    const m = sources.length;
    // What was cut off can leave a matrix that is no Gram matrix any more: more ridge makes it one.
    for (let ridgeFactor = 1; ; ridgeFactor *= 4) {
      pairs.fillLower(sources, matrix);
      for (let a = 0; a < m; a++) {
        const own = pairs.diagonal[sources[a]!]!;
        matrix[a * m + a] = own + ridgeFactor * (lambda + (dropout / (1 - dropout)) * own);
      }
      const right = pairs.products(item, sources);
      if (!solveInPlace(matrix, m, right)) continue;
      weights.push(right);
      break;
    }
    members.push(sources);
  }
  return sparseItemRecommender('sparse-ridge', outgoing(pairs.itemCount, members, weights));
}

/**
 * EASE for catalogues whose Gram matrix does not fit: for each item the ridge regression on its most alike items only, with their
 * inner products. The memory is that of the pairs, at most 2,048 an item; the time, itemCount times the third power of `candidates`.
 * With as many candidates as items it is EASE.
 * @throws MODEL_BAD_INPUT
 */
export async function fitSparseRidge(
  data: Interactions,
  options: SparseRidgeOptions,
  algebra: LinearAlgebra,
): Promise<ItemRecommender> {
  checkInteractions(data);
  return solveSparseRidge(
    await ridgePairs(normaliseRows(data, options.rowNormalisation ?? 0), algebra),
    options,
  );
}
