import { AppError } from '../errors.ts';
import type { PurchaseHistories, PurchaseModel } from './purchase-model.ts';
import { erfc } from './special-functions.ts';

interface InformationCriteria {
  readonly aic: number;
  readonly bic: number;
}

/**
 * 2 k - 2 LL and k ln n - 2 LL, smaller is better: Akaike (1974), IEEE Trans. Automatic Control 19:716; Schwarz (1978),
 * Annals of Statistics 6:461.
 */
export function informationCriteria(
  logLikelihood: number,
  parameterCount: number,
  observations: number,
): InformationCriteria {
  return {
    aic: 2 * parameterCount - 2 * logLikelihood,
    bic: parameterCount * Math.log(observations) - 2 * logLikelihood,
  };
}

interface VuongOptions {
  /** Parameters of the first and of the second model; only their difference matters, and only with a correction. */
  readonly parameterCounts?: readonly [number, number];
  /** Takes (k1 - k2) from the likelihood ratio, or (k1 - k2) ln(n) / 2, as the criterion of the name would; BIC by default. */
  readonly correction?: 'none' | 'aic' | 'bic';
  /** How many observations each row stands for; 1 where it is left out. */
  readonly weight?: Float64Array;
}

export interface VuongTest {
  readonly observations: number;
  /** Mean over observations of the first log-likelihood less the second, corrected. */
  readonly meanDifference: number;
  /** Standard deviation of the difference, not of its mean. */
  readonly standardDeviation: number;
  /** Asymptotically standard normal if both models are equally far from the truth; 0 where they agree on every row. */
  readonly statistic: number;
  /** Two-sided. */
  readonly pValue: number;
}

function checkRows(first: Float64Array, second: Float64Array, weight: Float64Array | undefined): void {
  if (first.length !== second.length || (weight && weight.length !== first.length)) {
    throw new AppError('MODEL_BAD_INPUT', 'The log-likelihoods of two models differ in length.', {
      details: { first: first.length, second: second.length, weight: weight?.length },
      hint: 'Take both over the same rows.',
    });
  }
  for (let row = 0; row < first.length; row++) {
    const w = weight ? weight[row]! : 1;
    if (Number.isFinite(first[row]! - second[row]!) && w >= 0 && w < Infinity) continue;
    throw new AppError('MODEL_BAD_INPUT', `Row ${row}: log-likelihoods ${first[row]} and ${second[row]}.`, {
      details: { row, weight: w },
      hint: 'Give finite log-likelihoods and weights of 0 or more.',
    });
  }
}

/** Weighted mean and variance (divided by n) of the differences, in two passes, which keep the digits of near-equal models. */
function moments(first: Float64Array, second: Float64Array, weight: Float64Array | undefined) {
  let [observations, sum] = [0, 0];
  for (let i = 0; i < first.length; i++) {
    const w = weight ? weight[i]! : 1;
    observations += w;
    sum += w * (first[i]! - second[i]!);
  }
  const mean = sum / observations;
  let squares = 0;
  for (let i = 0; i < first.length; i++) {
    squares += (weight ? weight[i]! : 1) * (first[i]! - second[i]! - mean) ** 2;
  }
  return { observations, mean, variance: squares / observations };
}

// Differences of log-likelihoods of some tens are rounding below this; a ratio of two roundings would be no statistic.
const equalWithin = 1e-12;

/**
 * Vuong's test of two models that are not nested, from their log-likelihoods of each observation: eq. (5.6)-(5.9) of Vuong
 * (1989), Likelihood ratio tests for model selection and non-nested hypotheses, Econometrica 57(2), 307-333.
 * A positive statistic speaks for the first. The parameters of both have to be maximum likelihood on these rows; for nested
 * models the statistic is not normal, and this test must not be used.
 * @throws AppError MODEL_BAD_INPUT for rows that do not match, are not finite, or for no rows.
 */
export function vuongTest(first: Float64Array, second: Float64Array, options: VuongOptions = {}): VuongTest {
  const { parameterCounts = [0, 0], correction = 'bic', weight } = options;
  checkRows(first, second, weight);
  const { observations, mean, variance } = moments(first, second, weight);
  if (!(observations > 0)) throw new AppError('MODEL_BAD_INPUT', 'There is no observation to compare on.');
  const difference = parameterCounts[0] - parameterCounts[1];
  const each = { none: 0, aic: 1, bic: Math.log(observations) / 2 }[correction];
  const meanDifference = mean - (difference * each) / observations;
  const standardDeviation = Math.sqrt(variance);
  const statistic =
    standardDeviation > equalWithin ? (Math.sqrt(observations) * meanDifference) / standardDeviation : 0;
  const pValue = erfc(Math.abs(statistic) / Math.SQRT2);
  return { observations, meanDifference, standardDeviation, statistic, pValue };
}

interface ComparedModel extends InformationCriteria {
  readonly model: string;
  readonly logLikelihood: number;
  readonly parameterCount: number;
  /** The best model against this one, positive for the best; null for the best itself. */
  readonly vuong: VuongTest | null;
}

/**
 * Purchase models on the data that they were fitted to, by ascending BIC; equals keep the order given, so name the simplest first.
 * @throws AppError MODEL_BAD_INPUT for no model or bad rows.
 */
export function comparePurchaseModels(
  models: readonly PurchaseModel[],
  data: PurchaseHistories,
): ComparedModel[] {
  const { weight } = data;
  const fits = models.map((model) => {
    const rows = model.logLikelihoods(data);
    const logLikelihood = rows.reduce((sum, value, i) => sum + (weight ? weight[i]! : 1) * value, 0);
    const observations = weight ? weight.reduce((sum, w) => sum + w, 0) : rows.length;
    const parameterCount = Object.keys(model.parameters).length;
    const criteria = informationCriteria(logLikelihood, parameterCount, observations);
    return { model: model.model, rows, logLikelihood, parameterCount, ...criteria };
  });
  const [best, ...others] = fits.toSorted((left, right) => left.bic - right.bic);
  if (!best) throw new AppError('MODEL_BAD_INPUT', 'There is no model to compare.');
  const { rows: bestRows, ...bestSummary } = best;
  return [
    { ...bestSummary, vuong: null },
    ...others.map(({ rows, ...summary }) => ({
      ...summary,
      vuong: vuongTest(bestRows, rows, {
        parameterCounts: [best.parameterCount, summary.parameterCount],
        ...(weight ? { weight } : {}),
      }),
    })),
  ];
}
