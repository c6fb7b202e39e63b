import { AppError } from '../../errors.ts';
import type { LinearAlgebra, SparseRows } from '../linear-algebra/linear-algebra.ts';
import { Random } from '../random.ts';
import { sparseRowsOf } from './dense-item-recommender.ts';
import { dotAt, FactorSystem } from './factor-system.ts';
import { checkInteractions, type History, type Interactions, transpose, userCount } from './interactions.ts';
import type { Recommender } from './recommender.ts';

export interface ImplicitAlsOptions {
  readonly factors: number;
  /** Sweeps over users and items. */
  readonly iterations: number;
  /** Weight of what was not taken, beside the weight of what was; 1 / alpha of the original paper. */
  readonly unobservedWeight: number;
  /** Ridge, multiplied by all the weight that a row's equation rests on. */
  readonly regularisation: number;
  readonly seed: number;
}

/** Conjugate-gradient steps for a customer's factors, from nothing. */
const FOLD_IN_STEPS = 12;

function checkOptions(options: ImplicitAlsOptions): void {
  const { factors, iterations, unobservedWeight, regularisation } = options;
  if (!(factors >= 1 && iterations >= 1 && unobservedWeight > 0 && regularisation > 0))
    throw new AppError('MODEL_BAD_INPUT', 'ALS: factors, iterations and both weights must be above 0.');
}

/** One side's least squares, but for the other side's factors. */
interface Side {
  readonly rows: SparseRows;
  readonly ridges: Float32Array;
}

function sideOf(rows: SparseRows, { unobservedWeight, regularisation }: ImplicitAlsOptions): Side {
  const ridges = Float32Array.from({ length: Math.max(0, rows.offsets.length - 1) }, (_, row) => {
    let total = unobservedWeight * rows.columnCount;
    for (let k = rows.offsets[row]!; k < rows.offsets[row + 1]!; k++) total += rows.values[k]!;
    return regularisation * total;
  });
  return { rows, ridges };
}

/** The factors of one side that fit best to those of the other, exactly. */
async function solveSide(
  { rows, ridges }: Side,
  fixed: Float32Array,
  { factors, unobservedWeight }: ImplicitAlsOptions,
  algebra: LinearAlgebra,
): Promise<Float32Array> {
  const gram = await algebra.denseGram(fixed, fixed.length / factors, factors);
  return algebra.solveNormalEquations({
    rows,
    targets: rows.values,
    factors: fixed,
    k: factors,
    gram: gram.map((value) => value * unobservedWeight),
    ridges,
  });
}

/**
 * Matrix factorisation of implicit feedback by alternating least squares (Hu, Koren and Volinsky, ICDM 2008), each solved exactly, and
 * regularised by the weight of each row (Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks", RecSys
 * 2022). A history is scored by solving for its factors anew, so that any customer is scored like one who was trained on.
 * @throws MODEL_BAD_INPUT
 */
export async function fitImplicitAls(
  data: Interactions,
  options: ImplicitAlsOptions,
  algebra: LinearAlgebra,
): Promise<Recommender> {
  checkInteractions(data);
  checkOptions(options);
  const { factors } = options;
  const random = Random.fromSeed(options.seed, 'implicit als');
  // Small, as in the paper of 2022: large first factors fit the zeros for sweeps before they fit anything else.
  const scale = 0.1 / Math.sqrt(factors);
  let items = Float32Array.from({ length: data.itemCount * factors }, () => random.normal() * scale);
  if (data.items.length === 0) return factorRecommender(items, data.itemCount, options, algebra);
  const columns = transpose(data);
  const byUser = sideOf(
    { columnCount: data.itemCount, offsets: data.offsets, columns: data.items, values: data.weights },
    options,
  );
  const byItem = sideOf(
    {
      columnCount: userCount(data),
      offsets: columns.offsets,
      columns: columns.users,
      values: columns.weights,
    },
    options,
  );
  for (let sweep = 0; sweep < options.iterations; sweep++) {
    const users = await solveSide(byUser, items, options, algebra);
    items = (await solveSide(byItem, users, options, algebra)) as Float32Array<ArrayBuffer>;
  }
  return factorRecommender(items, data.itemCount, options, algebra);
}

function factorRecommender(
  items: Float32Array,
  itemCount: number,
  options: ImplicitAlsOptions,
  algebra: LinearAlgebra,
): Recommender {
  const { factors } = options;
  const system = new FactorSystem(factors, options.unobservedWeight, options.regularisation);
  system.fix(items);
  const solution = new Float32Array(factors);
  return Object.freeze({
    name: 'als',
    itemCount,
    score(history: History, scores: Float32Array): void {
      solution.fill(0);
      system.solve(history.items, history.weights, 0, history.items.length, solution, 0, FOLD_IN_STEPS);
      for (let item = 0; item < itemCount; item++)
        scores[item] = dotAt(items, item * factors, solution, 0, factors);
    },
    async scoreAll(histories: readonly History[]): Promise<Float32Array> {
      const side = sideOf(sparseRowsOf(histories, itemCount), options);
      const users = await solveSide(side, items, options, algebra);
      const size = { m: histories.length, n: itemCount, depth: factors };
      return algebra.multiply(users, items, size, { transposeB: true });
    },
  });
}
