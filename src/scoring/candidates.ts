import { AppError } from '../errors.ts';
import { type FittedPlatt, fitPlatt, plattFromJSON } from '../models/calibration.ts';
import type { FittedClassifier, LabelledRows } from '../models/classification/classifier.ts';
import { selectRows } from '../models/classification/feature-matrix.ts';
import { boostedTreesFromJSON, fitBoostedTrees } from '../models/classification/gradient-boosted-trees.ts';
import { chooseL2OnValidation } from '../models/classification/l2-choice.ts';
import { fitLogistic, logisticFromJSON } from '../models/classification/logistic-regression.ts';
import { type FittedIsotonic, fitIsotonic, isotonicFromJSON } from '../models/isotonic.ts';
import { Random } from '../models/random.ts';
import { fitRecencyBaseline, recencyBaselineFromJSON } from '../models/recency-baseline.ts';
import type { Cut, Sight } from './cut.ts';
import { stackMatrices } from './design-matrix.ts';
import type { Population } from './features.ts';

/** In order of simplicity. */
export const candidateNames = [
  'recency',
  'purchase-model',
  'calibrated-purchase-model',
  'logistic',
  'boosted-trees',
] as const;
export type CandidateName = (typeof candidateNames)[number];

/** What each feature adds to the log-odds of one customer's forecast before calibration. */
export type Contributions = (row: number) => Float64Array;

/** Forecasts a purchase within the horizon that it was fitted for, at any moment. Frozen; `toJSON` is its stored form. */
export interface FittedCandidate {
  readonly name: CandidateName;
  /** A probability for each customer in sight. */
  predict(sight: Sight): Float64Array;
  /** By the features of the matrix, in order; of the classifiers only: the other candidates' numbers speak for themselves. */
  readonly contributions?: (sight: Sight) => Contributions;
  toJSON(): StoredCandidate;
}

export interface StoredCandidate {
  readonly name: CandidateName;
  readonly model?: unknown;
  readonly calibration?: unknown;
}

type Curve = FittedPlatt | FittedIsotonic;

/** One seed for all: the same data give the same scores to the bit. */
const SEED = 20_240_101;
/** Decades: half of one moves the loss by less than its noise. */
const L2_GRID = [100, 10, 1];
/** Isotonic calibration has a step wherever the data have one: below this many customers of either outcome the two-parameter curve is safer. */
const ISOTONIC_MIN_OUTCOMES = 1000;

function recencyOf({ population, kind }: Sight): Float64Array {
  if (kind === 'visitors') return population.column('inactive_days');
  return daysSinceLastPurchase(population);
}

function daysSinceLastPurchase(population: Population): Float64Array {
  const recency = population.column('recency_days');
  return population.column('t_days').map((t, i) => t - recency[i]!);
}

function recencyCandidate(baseline: ReturnType<typeof fitRecencyBaseline>): FittedCandidate {
  return Object.freeze<FittedCandidate>({
    name: 'recency',
    predict: (sight) => recencyOf(sight).map((days) => baseline.predict(days)),
    toJSON: () => ({ name: 'recency', model: baseline.toJSON() }),
  });
}

/** As it is: where a shop's customers age together, the last window's correction is wrong for the next. */
const plainCandidate: FittedCandidate = Object.freeze({
  name: 'purchase-model',
  predict: (sight: Sight) => sight.purchaseForecast,
  toJSON: (): StoredCandidate => ({ name: 'purchase-model' }),
});

function calibratedCandidate(curve: Curve): FittedCandidate {
  return Object.freeze<FittedCandidate>({
    name: 'calibrated-purchase-model',
    predict: (sight) => sight.purchaseForecast.map((p) => curve.apply(p)),
    toJSON: () => ({ name: 'calibrated-purchase-model', calibration: curve.toJSON() }),
  });
}

function classifierCandidate(
  name: 'logistic' | 'boosted-trees',
  model: FittedClassifier,
  curve: Curve,
): FittedCandidate {
  return Object.freeze<FittedCandidate>({
    name,
    predict: ({ matrix }) => model.predict(matrix).map((p) => curve.apply(p)),
    contributions:
      ({ matrix }) =>
      (row) =>
        model.contributions(matrix, row).features,
    toJSON: () => ({ name, model: model.toJSON(), calibration: curve.toJSON() }),
  });
}

function calibrate(raw: Float64Array, cut: Cut): Curve {
  const fewest = Math.min(cut.positives, cut.outcome.length - cut.positives);
  return fewest >= ISOTONIC_MIN_OUTCOMES ? fitIsotonic(raw, cut.outcome) : fitPlatt(raw, cut.outcome);
}

function stacked(cuts: readonly Cut[]): LabelledRows {
  const outcome = new Uint8Array(cuts.reduce((sum, cut) => sum + cut.outcome.length, 0));
  let offset = 0;
  for (const cut of cuts) {
    outcome.set(cut.outcome, offset);
    offset += cut.outcome.length;
  }
  return { matrix: stackMatrices(cuts.map((cut) => cut.matrix)), outcome };
}

/** The penalty is chosen on the newest of the cut-offs; with one only, ten standardised units are a prior that hardly shows. */
function logistic(cuts: readonly Cut[]): FittedClassifier {
  const [newest, ...older] = cuts as [Cut, ...Cut[]];
  const l2 = older.length > 0 ? chooseL2OnValidation(stacked(older), newest, L2_GRID).l2 : 10;
  const rows = stacked(cuts);
  return fitLogistic(rows.matrix, rows.outcome, { l2 });
}

/** A fifth of the customers, drawn once, says when the trees begin to learn by heart. Small trees: the signal is nearly additive. */
function boostedTrees(cuts: readonly Cut[]): FittedClassifier {
  const { matrix, outcome } = stacked(cuts);
  const random = Random.fromSeed(SEED, 'boosting validation');
  const held = Uint8Array.from({ length: matrix.rows }, () => (random.uniform() < 0.2 ? 1 : 0));
  const take = (side: number): LabelledRows => {
    const rows = Int32Array.from(held.keys()).filter((row) => held[row] === side);
    return { matrix: selectRows(matrix, rows), outcome: Uint8Array.from(rows, (row) => outcome[row]!) };
  };
  const train = take(0);
  return fitBoostedTrees(train.matrix, train.outcome, {
    validation: take(1),
    learningRate: 0.05,
    maxTrees: 400,
    maxDepth: 4,
    maxLeaves: 12,
    minChildWeight: 10,
    l2: 10,
    patience: 30,
  });
}

/**
 * All candidates that the cut-offs suffice for.
 * @param calibration the newest cut-off with a known outcome, which calibrates every candidate
 * @param fitCuts older ones, whose outcome windows ended before that of `calibration` begins, newest first; the classifiers learn from them
 */
export function fitCandidates(calibration: Cut | undefined, fitCuts: readonly Cut[]): FittedCandidate[] {
  if (!calibration) return [plainCandidate];
  const { purchaseForecast } = calibration;
  const candidates: FittedCandidate[] = [
    recencyCandidate(fitRecencyBaseline(recencyOf(calibration), calibration.outcome)),
  ];
  if (calibration.kind === 'buyers') candidates.push(plainCandidate);
  if (purchaseForecast.length > 0)
    candidates.push(calibratedCandidate(calibrate(purchaseForecast, calibration)));
  if (fitCuts.length === 0) return candidates;
  const learners = { logistic, 'boosted-trees': boostedTrees } as const;
  for (const name of ['logistic', 'boosted-trees'] as const) {
    const model = learners[name](fitCuts);
    candidates.push(
      classifierCandidate(name, model, calibrate(model.predict(calibration.matrix), calibration)),
    );
  }
  return candidates;
}

function curveFromJSON(json: unknown): Curve {
  const isIsotonic = (json as { model?: unknown } | null)?.model === 'isotonic';
  return isIsotonic ? isotonicFromJSON(json) : plattFromJSON(json);
}

/** Restores a candidate from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else */
export function candidateFromJSON({ name, model, calibration }: StoredCandidate): FittedCandidate {
  switch (name) {
    case 'recency':
      return recencyCandidate(recencyBaselineFromJSON(model));
    case 'purchase-model':
      return plainCandidate;
    case 'calibrated-purchase-model':
      return calibratedCandidate(curveFromJSON(calibration));
    case 'logistic':
      return classifierCandidate(name, logisticFromJSON(model), curveFromJSON(calibration));
    case 'boosted-trees':
      return classifierCandidate(name, boostedTreesFromJSON(model), curveFromJSON(calibration));
    default:
      throw new AppError('MODEL_BAD_INPUT', `there is no candidate "${name}"`, {
        hint: 'The model was stored by a newer version of the program: train again with this one.',
      });
  }
}
