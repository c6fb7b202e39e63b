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
  readonly targets: Float32Array;
}

/**
 * Rows with their ridge as entries of their own: r f f^T summed over the k unit vectors is r I, and so a ridge that differs from row to
 * row goes through a kernel whose Gram matrix is the same for all.
 */
function withRidge(
  offsets: Int32Array,
  others: Int32Array,
  weights: Float32Array,
  otherCount: number,
  { factors, unobservedWeight, regularisation }: ImplicitAlsOptions,
): Side {
  const count = Math.max(0, offsets.length - 1);
  const size = others.length + count * factors;
  const columns = new Int32Array(size);
  const values = new Float32Array(size);
  const targets = new Float32Array(size);
  const starts = new Int32Array(count + 1);
  for (let row = 0; row < count; row++) {
    const [from, to] = [offsets[row]!, offsets[row + 1]!];
    let at = starts[row]!;
    columns.set(others.subarray(from, to), at);
    values.set(weights.subarray(from, to), at);
    targets.set(weights.subarray(from, to), at);
    let total = unobservedWeight * otherCount;
    for (let k = from; k < to; k++) total += weights[k]!;
    at += to - from;
    for (let f = 0; f < factors; f++, at++) {
      columns[at] = otherCount + f;
      values[at] = regularisation * total;
    }
    starts[row + 1] = at;
  }
  return { rows: { columnCount: otherCount + factors, offsets: starts, columns, values }, targets };
}

/** The factors of one side that fit best to those of the other, exactly. */
async function solveSide(
  { rows, targets }: Side,
  fixed: Float32Array,
  { factors, unobservedWeight }: ImplicitAlsOptions,
  algebra: LinearAlgebra,
): Promise<Float32Array> {
  const gram = await algebra.denseGram(fixed, fixed.length / factors, factors);
  const extended = new Float32Array(fixed.length + factors * factors);
  extended.set(fixed);
  for (let f = 0; f < factors; f++) extended[fixed.length + f * factors + f] = 1;
  return algebra.solveNormalEquations({
    rows,
    targets,
    factors: extended,
    k: factors,
    gram: gram.map((value) => value * unobservedWeight),
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
  const byUser = withRidge(data.offsets, data.items, data.weights, data.itemCount, options);
  const byItem = withRidge(columns.offsets, columns.users, columns.weights, userCount(data), options);
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
      const { offsets, columns, values } = sparseRowsOf(histories, itemCount);
      const side = withRidge(offsets, columns, values, itemCount, options);
      const users = await solveSide(side, items, options, algebra);
      const size = { m: histories.length, n: itemCount, depth: factors };
      return algebra.multiply(users, items, size, { transposeB: true });
    },
  });
}
