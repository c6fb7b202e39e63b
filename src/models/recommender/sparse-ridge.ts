import { AppError } from '../../errors.ts';
import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import { EASE_MAX_ITEMS, type EaseOptions } from './ease.ts';
import { checkInteractions, type Interactions, normaliseRows } from './interactions.ts';
import { densePairs, gramMatrix, type ItemPairs, sparsePairs } from './item-pairs.ts';
import type { ItemRecommender, Neighbours } from './recommender.ts';
import { sparseItemRecommender } from './sparse-item-recommender.ts';

export interface SparseRidgeOptions extends EaseOptions {
  /** Items that may speak for an item: those that share most with it (cosine). The cost is its third power an item. */
  readonly candidates: number;
}

/** From what speaks for each item to what each item speaks for. */
function outgoing(
  itemCount: number,
  ids: readonly Int32Array[],
  weights: readonly Float32Array[],
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
async function ridgePairs(
  data: Interactions,
  candidates: number,
  algebra: LinearAlgebra,
): Promise<ItemPairs> {
  if (data.itemCount > EASE_MAX_ITEMS) return sparsePairs(data, candidates);
  return densePairs(await gramMatrix(data, algebra), data.itemCount);
}

/** Systems solved at once: 10 MB of them with 100 candidates. */
const BATCH = 256;

/** The systems of some items, with `ridgeFactor` times the ridge. */
function gatherBatch(
  pairs: ItemPairs,
  items: readonly number[],
  sources: readonly Int32Array[],
  { lambda, dropout = 0, candidates: k }: SparseRidgeOptions,
  ridgeFactor: number,
): { matrices: Float32Array; rights: Float32Array } {
  const matrices = new Float32Array(items.length * k * k);
  const rights = new Float32Array(items.length * k);
  items.forEach((item, at) => {
    const members = sources[at]!;
    const matrix = matrices.subarray(at * k * k, (at + 1) * k * k);
    pairs.fill(members, matrix, k);
    for (let a = 0; a < k; a++) {
      const own = a < members.length ? pairs.diagonal[members[a]!]! : 1;
      matrix[a * k + a] = own + ridgeFactor * (lambda + (dropout / (1 - dropout)) * own);
    }
    rights.set(pairs.products(item, members), at * k);
  });
  return { matrices, rights };
}

/** The ridge regressions on pairs that are there already. @throws MODEL_BAD_INPUT */
export async function solveSparseRidge(
  pairs: ItemPairs,
  options: SparseRidgeOptions,
  algebra: LinearAlgebra,
): Promise<ItemRecommender> {
  const { lambda, dropout = 0 } = options;
  if (!(lambda > 0 && dropout >= 0 && dropout < 1 && options.candidates >= 1))
    throw new AppError(
      'MODEL_BAD_INPUT',
      'Sparse ridge: lambda above 0, dropout below 1, one candidate at least.',
    );
  const candidates = Math.max(1, Math.min(options.candidates, pairs.itemCount - 1));
  const all = Array.from({ length: pairs.itemCount }, (_, item) => pairs.candidates(item, candidates));
  const weights: Float32Array[] = new Array(pairs.itemCount);
  // What was cut off can leave a matrix that is no Gram matrix any more: more ridge makes it one.
  let open = [...all.keys()];
  for (let ridgeFactor = 1; open.length > 0; ridgeFactor *= 4) {
    const again: number[] = [];
    // The next systems are gathered while the kernel's threads solve these.
    let solving = Promise.resolve();
    for (let start = 0; start < open.length; start += BATCH) {
      const items = open.slice(start, start + BATCH);
      const sources = items.map((item) => all[item]!);
      const { matrices, rights } = gatherBatch(
        pairs,
        items,
        sources,
        { ...options, candidates },
        ridgeFactor,
      );
      await solving;
      solving = algebra.solveSystems(matrices, rights, candidates).then((solved) => {
        items.forEach((item, at) => {
          // NaN where that is too little ridge.
          const own = solved.slice(at * candidates, at * candidates + sources[at]!.length);
          if (own.some(Number.isNaN)) again.push(item);
          else weights[item] = own;
        });
      });
    }
    await solving;
    open = again;
  }
  return sparseItemRecommender('sparse-ridge', outgoing(pairs.itemCount, all, weights));
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
    await ridgePairs(normaliseRows(data, options.rowNormalisation ?? 0), options.candidates, algebra),
    options,
    algebra,
  );
}
