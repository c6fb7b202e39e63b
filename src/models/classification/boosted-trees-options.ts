import { AppError } from '../../errors.ts';
import type { BoostingPlan } from './boosting.ts';
import type { LabelledRows } from './classifier.ts';
import { maxValueBins } from './quantile-bins.ts';

export interface BoostedTreesOptions {
  /** Most trees; fewer with validation rows. 200 unless given. */
  maxTrees?: number;
  /** Share of each tree's step that is taken, in (0, 1]. 0.1 unless given; smaller needs more trees. */
  learningRate?: number;
  /** 31 unless given. */
  maxLeaves?: number;
  /** 6 unless given: questions that one path may ask. */
  maxDepth?: number;
  /** Least sum of weight * p(1 - p) in a leaf, above 0; 5 unless given: where 5 % buy, that is 105 customers. */
  minChildWeight?: number;
  /** L2 penalty on the values of leaves, 0 or more. 1 unless given. */
  l2?: number;
  /** Most bins of a feature, 2 to 255 (255 unless given); missing values have their own. */
  maxBins?: number;
  /** Chance of each row to be in a tree's sample, in (0, 1]. 1 unless given. */
  subsample?: number;
  /** For subsample below 1. */
  seed?: number;
  weights?: Float64Array | undefined;
  /** Rows, of a later window, whose log-loss stops the growing and decides how many trees are kept. */
  validation?: LabelledRows | undefined;
  /** Trees without a lower validation loss after which to stop. 20 unless given. */
  patience?: number;
}

/** The options with their defaults filled in. */
export function planOf(options: BoostedTreesOptions): BoostingPlan {
  return {
    maxTrees: options.maxTrees ?? 200,
    learningRate: options.learningRate ?? 0.1,
    maxLeaves: options.maxLeaves ?? 31,
    maxDepth: options.maxDepth ?? 6,
    minChildWeight: options.minChildWeight ?? 5,
    l2: options.l2 ?? 1,
    maxBins: options.maxBins ?? maxValueBins,
    subsample: options.subsample ?? 1,
    seed: options.seed ?? 0,
    validation: options.validation,
    patience: options.patience ?? 20,
  };
}

/** @throws AppError MODEL_BAD_INPUT, naming each option outside its limits. */
export function checkPlan(plan: BoostingPlan): void {
  const wholes = { maxTrees: 0, maxLeaves: 2, maxDepth: 1, maxBins: 2, patience: 1 } as const;
  const wrong = (Object.keys(wholes) as (keyof typeof wholes)[]).filter(
    (name) => !Number.isSafeInteger(plan[name]) || plan[name] < wholes[name],
  ) as string[];
  if (plan.maxBins > maxValueBins) wrong.push('maxBins');
  if (!(plan.learningRate > 0 && plan.learningRate <= 1)) wrong.push('learningRate');
  if (!(plan.subsample > 0 && plan.subsample <= 1)) wrong.push('subsample');
  if (!(plan.minChildWeight > 0 && plan.minChildWeight < Infinity)) wrong.push('minChildWeight');
  if (!(plan.l2 >= 0 && plan.l2 < Infinity)) wrong.push('l2');
  if (wrong.length === 0) return;
  const { validation: _, ...given } = plan;
  throw new AppError('MODEL_BAD_INPUT', `Boosted trees cannot be grown with this ${wrong.join(', ')}.`, {
    details: given,
    hint: 'See BoostedTreesOptions for what each may be.',
  });
}
