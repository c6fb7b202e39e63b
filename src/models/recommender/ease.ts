import { AppError } from '../../errors.ts';
import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import { denseItemRecommender } from './dense-item-recommender.ts';
import { headOf, headWeights } from './ease-head.ts';
import { checkInteractions, type Interactions, normaliseRows } from './interactions.ts';
import { gramMatrix } from './item-pairs.ts';
import type { ItemRecommender } from './recommender.ts';

export interface EaseOptions {
  /** Ridge on every weight, > 0; in units of (normalised) co-occurrences. */
  readonly lambda: number;
  /** Share of each history that training pretends not to know, 0 (EASE) … below 1 (EDLAE): popular items are regularised more. */
  readonly dropout?: number;
  /** 0: all interactions count alike; 1: all customers do (see `normaliseRows`). */
  readonly rowNormalisation?: number;
}

/** Beyond this the matrix and its inverse take 0.8 GB; the sparse ridge takes over. */
export const EASE_MAX_ITEMS = 10_000;

function checkOptions({ lambda, dropout = 0, rowNormalisation = 0 }: EaseOptions, itemCount: number): void {
  const bad = (what: string): never => {
    throw new AppError('MODEL_BAD_INPUT', `EASE: ${what}`);
  };
  if (!(lambda > 0 && lambda < Number.POSITIVE_INFINITY)) bad(`lambda must be above 0, not ${lambda}`);
  if (!(dropout >= 0 && dropout < 1)) bad(`dropout must be from 0 to below 1, not ${dropout}`);
  if (!(rowNormalisation >= 0 && rowNormalisation <= 1))
    bad(`row normalisation must be from 0 to 1, not ${rowNormalisation}`);
  if (itemCount > EASE_MAX_ITEMS)
    bad(`${itemCount} items are more than ${EASE_MAX_ITEMS}; use the sparse ridge`);
}

/** L = lambda + dropout / (1 - dropout) * diag(G). */
function ridgesOf(gram: Float32Array, itemCount: number, { lambda, dropout = 0 }: EaseOptions): Float32Array {
  const times = dropout / (1 - dropout);
  return Float32Array.from({ length: itemCount }, (_, i) => lambda + times * gram[i * itemCount + i]!);
}

/** The item-item weights in closed form: P = (G + L)^-1, w_ij = -P_ij / P_jj, w_jj = 0. */
async function easeWeights(
  gram: Float32Array,
  ridges: Float32Array,
  algebra: LinearAlgebra,
): Promise<Float32Array> {
  const itemCount = ridges.length;
  const system = gram.slice();
  for (let i = 0; i < itemCount; i++) system[i * itemCount + i]! += ridges[i]!;
  const weights = await algebra.invertPositiveDefinite(system, itemCount);
  const scale = Float64Array.from({ length: itemCount }, (_, j) => -1 / weights[j * itemCount + j]!);
  for (let i = 0; i < itemCount; i++) {
    for (let j = 0; j < itemCount; j++) weights[i * itemCount + j]! *= scale[j]!;
    weights[i * itemCount + i] = 0;
  }
  return weights;
}

/**
 * EASE from a Gram matrix of `itemCount` squared, which is left as it is: one serves every lambda.
 * @param head of `headOf`
 * @throws MODEL_BAD_INPUT
 */
export async function solveEase(
  gram: Float32Array,
  itemCount: number,
  options: EaseOptions,
  algebra: LinearAlgebra,
  head: Int32Array | null = null,
): Promise<ItemRecommender> {
  checkOptions(options, itemCount);
  const ridges = ridgesOf(gram, itemCount, options);
  const matrix =
    head === null ? await easeWeights(gram, ridges, algebra) : await headWeights(gram, ridges, head, algebra);
  return denseItemRecommender('ease', { itemCount, matrix }, algebra);
}

/**
 * EASE (Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019) and, with dropout, EDLAE (Steck, "Autoencoders that don't
 * overfit towards the identity", NeurIPS 2020): the linear map of histories to themselves that may not use an item for itself. Items of few
 * takers are worked out from the others where there are many: see `headOf`.
 * @throws MODEL_BAD_INPUT
 */
export async function fitEase(
  data: Interactions,
  options: EaseOptions,
  algebra: LinearAlgebra,
): Promise<ItemRecommender> {
  checkInteractions(data);
  checkOptions(options, data.itemCount);
  const gram = await gramMatrix(normaliseRows(data, options.rowNormalisation ?? 0), algebra);
  return solveEase(gram, data.itemCount, options, algebra, headOf(data));
}
