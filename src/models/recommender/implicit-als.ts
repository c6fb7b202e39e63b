import { AppError } from '../../errors.ts';
import { Random } from '../random.ts';
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

/** Conjugate-gradient steps in a sweep, from the last sweep's solution, and from nothing for a customer who was not trained on. */
const SWEEP_STEPS = 3;
const FOLD_IN_STEPS = 12;

function checkOptions(options: ImplicitAlsOptions): void {
  const { factors, iterations, unobservedWeight, regularisation } = options;
  if (!(factors >= 1 && iterations >= 1 && unobservedWeight > 0 && regularisation > 0))
    throw new AppError('MODEL_BAD_INPUT', 'ALS: factors, iterations and both weights must be above 0.');
}

/**
 * Matrix factorisation of implicit feedback by alternating least squares (Hu, Koren and Volinsky, ICDM 2008), each least squares by a few
 * steps of conjugate gradient from the last solution (Takács, Pilászy and Tikk, RecSys 2011), regularised by the weight of each row
 * (Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022). A history is scored by solving
 * for its factors anew, so that any customer is scored like one who was trained on.
 * @throws MODEL_BAD_INPUT
 */
export function fitImplicitAls(data: Interactions, options: ImplicitAlsOptions): Recommender {
  checkInteractions(data);
  checkOptions(options);
  const { factors, unobservedWeight, regularisation } = options;
  const random = Random.fromSeed(options.seed, 'implicit als');
  // Small, as in the paper of 2022: large first factors fit the zeros for sweeps before they fit anything else.
  const scale = 0.1 / Math.sqrt(factors);
  const draw = (rows: number): Float32Array =>
    Float32Array.from({ length: rows * factors }, () => random.normal() * scale);
  const users = draw(userCount(data));
  const items = draw(data.itemCount);
  const columns = transpose(data);
  const system = new FactorSystem(factors, unobservedWeight, regularisation);
  for (let sweep = 0; sweep < options.iterations; sweep++) {
    system.fix(items);
    for (let user = 0; user < userCount(data); user++)
      system.solve(
        data.items,
        data.weights,
        data.offsets[user]!,
        data.offsets[user + 1]!,
        users,
        user,
        SWEEP_STEPS,
      );
    system.fix(users);
    for (let item = 0; item < data.itemCount; item++)
      system.solve(
        columns.users,
        columns.weights,
        columns.offsets[item]!,
        columns.offsets[item + 1]!,
        items,
        item,
        SWEEP_STEPS,
      );
  }
  return factorRecommender(items, data.itemCount, options);
}

function factorRecommender(items: Float32Array, itemCount: number, options: ImplicitAlsOptions): Recommender {
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
  });
}
