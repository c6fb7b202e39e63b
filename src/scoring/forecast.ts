import { fitPlatt } from '../models/calibration.ts';
import type { FittedClassifier, LabelledRows } from '../models/classification/classifier.ts';
import { type FeatureMatrix, selectRows } from '../models/classification/feature-matrix.ts';
import { fitBoostedTrees } from '../models/classification/gradient-boosted-trees.ts';
import { chooseL2OnValidation } from '../models/classification/l2-choice.ts';
import { fitLogistic } from '../models/classification/logistic-regression.ts';
import { fitIsotonic } from '../models/isotonic.ts';
import { Random } from '../models/random.ts';
import { fitRecencyBaseline } from '../models/recency-baseline.ts';
import { buyersMatrix, stackMatrices, visitorsMatrix } from './design-matrix.ts';
import { type Population, snapshotOf } from './features.ts';
import { type History, remember } from './history.ts';
import { purchaseProbabilities } from './purchase-model.ts';
import { daysBefore } from './snapshot.ts';

export type PopulationName = 'buyers' | 'visitors';

/** In order of simplicity. */
export const candidateNames = [
  'recency',
  'purchase-model',
  'calibrated-purchase-model',
  'logistic',
  'boosted-trees',
] as const;
export type CandidateName = (typeof candidateNames)[number];

export interface Question {
  readonly population: PopulationName;
  readonly horizonDays: number;
  /** Fewer customers of either outcome at a cut-off: it trains nothing. */
  readonly minOutcomes: number;
}

/** A cut-off in the past with what came of it. */
export interface Cut {
  readonly population: Population;
  readonly matrix: FeatureMatrix;
  /** Of the purchase model fitted to the buyers at this cut-off; empty for visitors or where it has no fit. */
  readonly purchaseForecast: Float64Array;
  readonly outcome: Uint8Array;
  readonly positives: number;
}

/** A cut-off whose outcome is not known, or not asked for. */
type At = Omit<Cut, 'outcome' | 'positives'>;

/** Forecasts made at one moment from what came before it. */
export interface Forecasts {
  readonly at: At;
  /** The cut-off one horizon before, whose outcomes calibrated; `undefined` where too little is known of it. */
  readonly calibration: Cut | undefined;
  /** Cut-offs whose outcomes trained the classifiers. */
  readonly fittedAt: readonly Date[];
  readonly probabilities: ReadonlyMap<CandidateName, Float64Array>;
  readonly parameters: ReadonlyMap<CandidateName, unknown>;
  /** Of the classifiers; the other candidates' numbers speak for themselves. */
  readonly reasons: ReadonlyMap<CandidateName, Reasons>;
}

/** One seed for all: the same data give the same scores to the bit. */
const SEED = 20_240_101;
/** Three reasons are read, ten are not; a tenth of log-odds moves a probability by a fortieth at most. */
const MOST_REASONS = 3;
const LEAST_EFFECT = 0.1;
/** Decades: half of one moves the loss by less than its noise. */
const L2_GRID = [100, 10, 1];
/** Each more cut-off to fit on says less than the one before; three horizons back is also where seasons begin to differ. */
const MAX_FIT_CUTS = 3;
/** Isotonic calibration has a step wherever the data have one: below this many customers of either outcome the two-parameter curve is safer. */
const ISOTONIC_MIN_OUTCOMES = 1000;

async function matrixAt(history: History, moment: Date, question: Question): Promise<At> {
  const population = (await history.populations(moment))[question.population];
  if (question.population === 'visitors') {
    return { population, matrix: visitorsMatrix(population), purchaseForecast: new Float64Array(0) };
  }
  const snapshot = snapshotOf(population);
  const model = await history.purchaseModel(moment);
  const forecast = model
    ? purchaseProbabilities(model, snapshot, question.horizonDays)
    : new Float64Array(population.size).fill(0.5);
  return {
    population,
    matrix: buyersMatrix(population, forecast),
    purchaseForecast: model ? forecast : new Float64Array(0),
  };
}

async function readCut(history: History, moment: Date, question: Question): Promise<Cut | undefined> {
  const at = await matrixAt(history, moment, question);
  const { bought } = await history.outcomes(moment, question.horizonDays);
  const outcome = Uint8Array.from(at.population.userId, (id) => (bought.has(id) ? 1 : 0));
  const positives = outcome.reduce((sum, value) => sum + value, 0);
  const enough = Math.min(positives, outcome.length - positives) >= question.minOutcomes;
  return enough ? { ...at, outcome, positives } : undefined;
}

function calibrated(
  raw: Float64Array,
  cut: Cut,
  target: Float64Array,
): { probabilities: Float64Array; calibration: unknown } {
  const fewest = Math.min(cut.positives, cut.outcome.length - cut.positives);
  const curve = fewest >= ISOTONIC_MIN_OUTCOMES ? fitIsotonic(raw, cut.outcome) : fitPlatt(raw, cut.outcome);
  return { probabilities: target.map((p) => curve.apply(p)), calibration: curve.toJSON() };
}

/** Cut-offs whose outcome windows ended before the calibration window begins, newest first. */
async function fitCuts(forecaster: Forecaster, target: Date): Promise<Cut[]> {
  const cuts: Cut[] = [];
  for (let back = 2; back < 2 + MAX_FIT_CUTS; back++) {
    const cut = await forecaster.cutAt(daysBefore(target, back * forecaster.question.horizonDays));
    if (!cut) break;
    cuts.push(cut);
  }
  return cuts;
}

/** What moved the forecast of one customer, strongest first, in log-odds before calibration. */
export type Reasons = (row: number) => readonly { readonly feature: string; readonly effect: number }[];

interface Fit {
  probabilities: Float64Array;
  parameters: unknown;
  reasons?: Reasons;
}

function recencyOf(population: Population, name: PopulationName): Float64Array {
  if (name === 'visitors') return population.column('inactive_days');
  const recency = population.column('recency_days');
  return population.column('t_days').map((t, i) => t - recency[i]!);
}

function fitRecency(calibration: Cut, target: At, name: PopulationName): Fit {
  const baseline = fitRecencyBaseline(recencyOf(calibration.population, name), calibration.outcome);
  return {
    probabilities: recencyOf(target.population, name).map((days) => baseline.predict(days)),
    parameters: { rates: baseline.rates },
  };
}

function calibratePurchases(calibration: Cut, target: At): Fit | undefined {
  if (target.purchaseForecast.length === 0 || calibration.purchaseForecast.length === 0) return undefined;
  const { probabilities, calibration: curve } = calibrated(
    calibration.purchaseForecast,
    calibration,
    target.purchaseForecast,
  );
  return { probabilities, parameters: { calibration: curve } };
}

function stacked(cuts: readonly Cut[]): LabelledRows {
  return {
    matrix: stackMatrices(cuts.map((cut) => cut.matrix)),
    outcome: Uint8Array.from(cuts.flatMap((cut) => [...cut.outcome])),
  };
}

function reasonsOf(model: FittedClassifier, matrix: FeatureMatrix): Reasons {
  return (row) =>
    Array.from(model.contributions(matrix, row).features, (effect, j) => ({
      feature: model.names[j]!,
      effect,
    }))
      .filter(({ effect }) => Math.abs(effect) >= LEAST_EFFECT)
      .sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect))
      .slice(0, MOST_REASONS);
}

function fitClassifier(
  learn: (cuts: readonly Cut[]) => FittedClassifier,
  cuts: readonly Cut[],
  calibration: Cut,
  target: At,
): Fit {
  const model = learn(cuts);
  const { probabilities, calibration: curve } = calibrated(
    model.predict(calibration.matrix),
    calibration,
    model.predict(target.matrix),
  );
  return {
    probabilities,
    parameters: { model: model.toJSON(), calibration: curve },
    reasons: reasonsOf(model, target.matrix),
  };
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
  const held = Array.from({ length: matrix.rows }, () => random.uniform() < 0.2);
  const take = (side: boolean): LabelledRows => {
    const rows = Int32Array.from(held.keys()).filter((row) => held[row] === side);
    return { matrix: selectRows(matrix, rows), outcome: Uint8Array.from(rows, (row) => outcome[row]!) };
  };
  const train = take(false);
  return fitBoostedTrees(train.matrix, train.outcome, {
    validation: take(true),
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
 * All forecasts that can be made at `target` from what came before it. With h the horizon: the classifiers learn from outcomes that ended
 * at target - h or earlier, every candidate is calibrated on the outcomes from target - h to target. Where history is too short for a
 * candidate, it is not among the answers.
 */
async function makeForecasts(forecaster: Forecaster, target: Date): Promise<Forecasts> {
  const { history, question } = forecaster;
  const at = await matrixAt(history, target, question);
  const calibration = await forecaster.cutAt(daysBefore(target, question.horizonDays));
  const fits = new Map<CandidateName, Fit>();
  // As it is: where a shop's customers age together, the last window's correction is wrong for the next.
  if (at.purchaseForecast.length > 0)
    fits.set('purchase-model', { probabilities: at.purchaseForecast, parameters: {} });
  const cuts = calibration ? await fitCuts(forecaster, target) : [];
  if (calibration) {
    fits.set('recency', fitRecency(calibration, at, question.population));
    const purchases = calibratePurchases(calibration, at);
    if (purchases) fits.set('calibrated-purchase-model', purchases);
  }
  if (calibration && cuts.length > 0) {
    fits.set('logistic', fitClassifier(logistic, cuts, calibration, at));
    fits.set('boosted-trees', fitClassifier(boostedTrees, cuts, calibration, at));
  }
  const made = candidateNames.filter((name) => fits.has(name));
  return {
    at,
    calibration,
    fittedAt: cuts.map((cut) => cut.population.moment),
    probabilities: new Map(made.map((name) => [name, fits.get(name)!.probabilities])),
    parameters: new Map(made.map((name) => [name, fits.get(name)!.parameters])),
    reasons: new Map([...fits].flatMap(([name, { reasons }]) => (reasons ? [[name, reasons] as const] : []))),
  };
}

/** Asks one question at several moments. Serving, selection and backtest meet at the same cut-offs: each is worked out once. */
export class Forecaster {
  readonly history: History;
  readonly question: Question;
  readonly #cuts = new Map<number, Promise<Cut | undefined>>();
  readonly #forecasts = new Map<number, Promise<Forecasts>>();

  constructor(history: History, question: Question) {
    this.history = history;
    this.question = question;
  }

  /** `undefined` where too few did one thing or the other. */
  cutAt(moment: Date): Promise<Cut | undefined> {
    return remember(this.#cuts, moment.getTime(), () => readCut(this.history, moment, this.question));
  }

  forecastAt(target: Date): Promise<Forecasts> {
    return remember(this.#forecasts, target.getTime(), () => makeForecasts(this, target));
  }
}
