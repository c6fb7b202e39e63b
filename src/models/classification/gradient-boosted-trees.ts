import { logistic } from '../special-functions.ts';
import { type BoostedTreesOptions, checkPlan, planOf } from './boosted-trees-options.ts';
import { boost } from './boosting.ts';
import {
  type Contributions,
  checkBothClasses,
  checkLabelledRows,
  checkRow,
  type ExplainRows,
  type FittedClassifier,
  type LabelledRows,
} from './classifier.ts';
import { checkFeatureMatrix, checkSameFeatures, type FeatureMatrix } from './feature-matrix.ts';
import { binRows, maxValueBins } from './quantile-bins.ts';
import { meanLogLoss } from './row-losses.ts';
import { openStoredModel, type StoredModel } from './stored-model.ts';
import { addEnsemble, creditPaths, explainEnsemble, joinTrees, type TreeEnsemble } from './tree-ensemble.ts';

interface BoostedTreesDiagnostics {
  readonly rows: number;
  readonly weight: number;
  readonly positiveWeight: number;
  /** Mean log-loss of the rows it was fitted on, in nats. */
  readonly logLoss: number;
  /** Of the trees kept; null without validation rows. */
  readonly validationLogLoss: number | null;
  readonly trees: number;
  readonly grownTrees: number;
  readonly learningRate: number;
}

interface BoostedTreesParameters {
  readonly names: readonly string[];
  readonly baseLogOdds: number;
  readonly edges: readonly Float64Array[];
  readonly ensemble: TreeEnsemble;
}

/** Typed arrays cannot be frozen: they stay inside, and what goes out is a copy. */
function storedParameters({ names, baseLogOdds, edges, ensemble }: BoostedTreesParameters) {
  return {
    names,
    baseLogOdds,
    edges: edges.map((ofFeature) => [...ofFeature]),
    starts: [...ensemble.starts],
    left: [...ensemble.left],
    feature: [...ensemble.feature],
    bin: [...ensemble.bin],
    missingRight: [...ensemble.missingRight],
    value: [...ensemble.value],
  };
}

interface BoostedTreesJson {
  readonly model: 'gradient-boosted-trees';
  readonly version: 1;
  readonly parameters: ReturnType<typeof storedParameters>;
  readonly diagnostics: BoostedTreesDiagnostics;
}

export interface FittedBoostedTrees extends FittedClassifier {
  readonly diagnostics: BoostedTreesDiagnostics;
  /** Saabas' path attribution (see creditPaths): exactly additive, linear in the depth of the trees. */
  contributions(matrix: FeatureMatrix, row: number): Contributions;
  toJSON(): BoostedTreesJson;
}

/** The bins of a block and one tree stay in the first-level cache together. */
export const blockRows = 512;

function predictAll(
  { baseLogOdds, edges, ensemble }: BoostedTreesParameters,
  matrix: FeatureMatrix,
): Float64Array {
  const predicted = new Float64Array(matrix.rows).fill(baseLogOdds);
  const bins = new Uint8Array(blockRows * edges.length);
  for (let from = 0; from < matrix.rows; from += blockRows) {
    const to = Math.min(matrix.rows, from + blockRows);
    binRows(edges, matrix.columns, from, to, bins);
    addEnsemble(ensemble, bins, edges.length, to - from, predicted.subarray(from, to));
  }
  for (let row = 0; row < predicted.length; row++) predicted[row] = logistic(predicted[row]!);
  return predicted;
}

function pathContributions(
  parameters: BoostedTreesParameters,
  matrix: FeatureMatrix,
  row: number,
): Contributions {
  const { names, baseLogOdds, edges, ensemble } = parameters;
  checkSameFeatures(names, matrix);
  checkRow(matrix, row);
  const single = { names, rows: 1, columns: matrix.columns.map((column) => column.subarray(row, row + 1)) };
  checkFeatureMatrix(single, 'allowed');
  const bins = new Uint8Array(edges.length);
  binRows(edges, single.columns, 0, 1, bins);
  const features = new Float64Array(edges.length);
  const base = baseLogOdds + creditPaths(ensemble, bins, features);
  const logOdds = Float64Array.of(baseLogOdds);
  addEnsemble(ensemble, bins, edges.length, 1, logOdds);
  return { base, features, logOdds: logOdds[0]! };
}

function explainByTrees(
  { baseLogOdds, edges, ensemble }: BoostedTreesParameters,
  matrix: FeatureMatrix,
): ExplainRows {
  const width = edges.length;
  let bins = new Uint8Array(blockRows * width);
  return (from, to, logOdds, effects) => {
    const rows = to - from;
    if (rows * width > bins.length) bins = new Uint8Array(rows * width);
    binRows(edges, matrix.columns, from, to, bins);
    logOdds.fill(baseLogOdds, 0, rows);
    explainEnsemble(ensemble, { bins, width, rows }, logOdds, effects);
  };
}

function fitted(
  parameters: BoostedTreesParameters,
  diagnostics: BoostedTreesDiagnostics,
): FittedBoostedTrees {
  const { names } = parameters;
  Object.freeze(names);
  Object.freeze(diagnostics);
  return Object.freeze<FittedBoostedTrees>({
    names,
    diagnostics,
    predict: (matrix) => {
      checkSameFeatures(names, matrix);
      checkFeatureMatrix(matrix, 'allowed');
      return predictAll(parameters, matrix);
    },
    contributions: (matrix, row) => pathContributions(parameters, matrix, row),
    explain: (matrix) => {
      checkSameFeatures(names, matrix);
      checkFeatureMatrix(matrix, 'allowed');
      return explainByTrees(parameters, matrix);
    },
    toJSON: () => ({
      model: 'gradient-boosted-trees',
      version: 1,
      parameters: storedParameters(parameters),
      diagnostics,
    }),
  });
}

/**
 * Gradient-boosted trees on histograms for the log-loss; NaN is a missing value and goes to a learned side.
 * @throws AppError MODEL_BAD_INPUT for no rows, one class, infinite values, or options outside their limits.
 */
export function fitBoostedTrees(
  matrix: FeatureMatrix,
  outcome: Uint8Array,
  options: BoostedTreesOptions = {},
): FittedBoostedTrees {
  const plan = planOf(options);
  checkPlan(plan);
  const data: LabelledRows = { matrix, outcome, weights: options.weights };
  const totals = checkLabelledRows(data, 'allowed');
  checkBothClasses(totals);
  if (plan.validation) {
    checkSameFeatures(matrix.names, plan.validation.matrix);
    checkLabelledRows(plan.validation, 'allowed');
  }
  const baseLogOdds = Math.log(totals.positiveWeight / (totals.weight - totals.positiveWeight));
  const { edges, trees, grownTrees, validationLogLoss, logOdds } = boost(data, baseLogOdds, plan);
  const parameters = { names: [...matrix.names], baseLogOdds, edges, ensemble: joinTrees(trees) };
  return fitted(parameters, {
    rows: matrix.rows,
    ...totals,
    logLoss: meanLogLoss(logOdds.map(logistic), outcome, options.weights),
    validationLogLoss,
    trees: trees.length,
    grownTrees,
    learningRate: plan.learningRate,
  });
}

/** A damaged file must not send a prediction out of an array or round in a circle. */
function readEnsemble(stored: StoredModel<BoostedTreesDiagnostics>, features: number): TreeEnsemble {
  const value = stored.numbers('value');
  const length = value.length;
  const whole = { min: 0, integer: true, length };
  const ensemble = {
    starts: Int32Array.from(stored.numbers('starts', { min: 0, max: length, integer: true })),
    left: Int32Array.from(stored.numbers('left', { ...whole, max: length })),
    feature: Int32Array.from(stored.numbers('feature', { ...whole, max: Math.max(0, features - 1) })),
    bin: Uint8Array.from(stored.numbers('bin', { ...whole, max: 254 })),
    missingRight: Uint8Array.from(stored.numbers('missingRight', { ...whole, max: 1 })),
    value,
  };
  const { starts, left } = ensemble;
  if (starts[0] !== 0 || starts.at(-1) !== length) stored.fail('its trees do not cover its nodes');
  for (let t = 0; t + 1 < starts.length; t++) {
    const nodes = starts[t + 1]! - starts[t]!;
    if (nodes < 1) stored.fail(`tree ${t} has no nodes`);
    for (let node = 0; node < nodes; node++) {
      const child = left[starts[t]! + node]!;
      if (child !== 0 && (child <= node || child + 1 >= nodes)) stored.fail(`tree ${t} is no tree`);
    }
  }
  return ensemble;
}

/** Restores a model from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function boostedTreesFromJSON(json: unknown): FittedBoostedTrees {
  const stored = openStoredModel<BoostedTreesDiagnostics>(json, 'gradient-boosted-trees', 1);
  const names = stored.names('names');
  const edges = stored.lists('edges', names.length);
  if (
    edges.some((list) => list.length >= maxValueBins || list.some((edge, i) => i > 0 && edge <= list[i - 1]!))
  ) {
    stored.fail('the edges of its bins are not ascending');
  }
  const ensemble = readEnsemble(stored, names.length);
  return fitted({ names, baseLogOdds: stored.number('baseLogOdds'), edges, ensemble }, stored.diagnostics);
}
