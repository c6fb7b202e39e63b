import { AppError } from '../errors.ts';
import {
  gammaGammaObjective,
  gammaGammaRowLogLikelihood,
  type SpendStatistics,
  summarizeSpend,
} from './gamma-gamma-likelihood.ts';
import type { Objective } from './line-search.ts';
import { checkPenalty, runaways, withPenalty } from './log-parameters.ts';
import { readModelJson } from './model-json.ts';
import { minimize } from './optimize.ts';
import { hessianOf, observedPrecision, type Precision, withPrecision } from './standard-errors.ts';

/** One row per customer. Rows with frequency 0 hold no information about spend and are passed over. */
export interface SpendHistories {
  /** Repeat transactions that the mean is taken over, whole numbers of 0 or more. */
  readonly frequency: Float64Array;
  /** Mean value of those transactions, in the shop's currency; above 0 wherever frequency is. */
  readonly monetaryValue: Float64Array;
}

export interface GammaGammaOptions {
  /** Weight of independent priors that hold p, q and gamma / mean spend near 1 (see withPenalty); 0 is maximum likelihood. */
  penalty?: number;
  maxIterations?: number;
}

/** p: shape of a customer's transaction values; q, gamma: shape and rate of the gamma of their rates nu. */
interface GammaGammaParameters {
  readonly p: number;
  readonly q: number;
  readonly gamma: number;
}

type GammaGammaName = keyof GammaGammaParameters;

/** Where `meanTied` holds, the standard errors take the population mean for known. */
interface GammaGammaDiagnostics extends Precision<GammaGammaName> {
  readonly logLikelihood: number;
  /** Customers with frequency above 0. */
  readonly customers: number;
  readonly iterations: number;
  readonly gradientNorm: number;
  readonly penalty: number;
  /** The model's mean over all customers, p gamma / (q - 1); always finite. */
  readonly populationMean: number;
  /** The free fit had no credible population mean and was repeated with it tied to the observed one: see fitGammaGamma. */
  readonly meanTied: boolean;
}

interface GammaGammaJson {
  readonly model: 'gamma-gamma';
  readonly version: 1;
  readonly parameters: GammaGammaParameters;
  readonly diagnostics: GammaGammaDiagnostics;
}

export interface FittedGammaGamma {
  readonly parameters: GammaGammaParameters;
  readonly diagnostics: GammaGammaDiagnostics;
  /** Expected mean value of a customer's transactions after x of them with mean `meanSpend` (0 for x = 0). */
  expectedSpend(x: number, meanSpend: number): number;
  /** One per row, 0 where the frequency is 0. */
  logLikelihoods(data: SpendHistories): Float64Array;
  toJSON(): GammaGammaJson;
}

const names: readonly GammaGammaName[] = ['p', 'q', 'gamma'];
const domains = { p: 'positive', q: 'positive', gamma: 'positive' } as const;

function checkSpend(data: SpendHistories): void {
  const { frequency, monetaryValue } = data;
  if (frequency.length !== monetaryValue.length) {
    throw new AppError('MODEL_BAD_INPUT', 'frequency and monetaryValue differ in length.', {
      details: { frequency: frequency.length, monetaryValue: monetaryValue.length },
    });
  }
  for (let row = 0; row < frequency.length; row++) {
    const x = frequency[row]!;
    const mean = monetaryValue[row]!;
    if (Number.isInteger(x) && x >= 0 && (x === 0 || (mean > 0 && mean < Infinity))) continue;
    throw new AppError('MODEL_BAD_INPUT', `Row ${row}: frequency ${x} with mean value ${mean}.`, {
      details: { row, frequency: x, monetaryValue: mean },
      hint: 'Give whole frequencies and finite mean values above 0; leave out customers whose purchases were free or refunded.',
    });
  }
}

/** Closed form of the conditional mean: a weighted mean of the population's and the customer's own (eq. 5 of the note). */
function expectedSpend(parameters: GammaGammaParameters, x: number, meanSpend: number): number {
  const { p, q, gamma } = parameters;
  if (!(x >= 0 && x < Infinity) || (x > 0 && !(meanSpend >= 0 && meanSpend < Infinity))) {
    throw new AppError('MODEL_BAD_INPUT', `Not a spend history: frequency ${x}, mean value ${meanSpend}.`, {
      details: { frequency: x, monetaryValue: meanSpend },
      hint: 'Give a finite frequency and mean value, both 0 or more.',
    });
  }
  const ownWeight = p * x;
  const own = x === 0 ? 0 : ownWeight * meanSpend;
  return (p * gamma + own) / (ownWeight + q - 1);
}

function fitted(parameters: GammaGammaParameters, diagnostics: GammaGammaDiagnostics): FittedGammaGamma {
  Object.freeze(parameters);
  Object.freeze(diagnostics.standardErrors);
  Object.freeze(diagnostics);
  return Object.freeze<FittedGammaGamma>({
    parameters,
    diagnostics,
    expectedSpend: (x, meanSpend) => expectedSpend(parameters, x, meanSpend),
    logLikelihoods: (data) => {
      checkSpend(data);
      return data.frequency.map((x, i) => gammaGammaRowLogLikelihood(parameters, x, data.monetaryValue[i]!));
    },
    toJSON: () => ({ model: 'gamma-gamma', version: 1, parameters, diagnostics }),
  });
}

/** The likelihood over (ln p, ln (q - 1)) on the surface where the population mean equals the observed one (1 here). */
function tieMean(free: Objective): Objective {
  return ([logP, logExcess], gradient) => {
    const q = 1 + Math.exp(logExcess!);
    const natural = new Float64Array(3);
    const value = free(Float64Array.of(logP!, Math.log(q), logExcess! - logP!), natural);
    gradient[0] = natural[0]! - natural[2]!;
    gradient[1] = (natural[1]! * (q - 1)) / q + natural[2]!;
    return value;
  };
}

interface Fit {
  parameters: GammaGammaParameters;
  value: number;
  iterations: number;
  gradientNorm: number;
  precision: Precision<GammaGammaName>;
}

function checkInterior(coordinates: readonly string[], point: Float64Array, customers: number): void {
  const lost = runaways(coordinates, point, new Array<number>(coordinates.length).fill(0));
  if (lost.length === 0) return;
  const list = lost.map(({ name, direction }) => `${name} -> ${direction < 0 ? '0' : 'infinity'}`).join(', ');
  throw new AppError(
    'MODEL_NO_CONVERGENCE',
    `The likelihood has no maximum at finite parameters (${list}).`,
    {
      details: { customers },
      hint: 'The customers are too few or spend too much alike: give the model more of them, or fit with a penalty such as 0.1.',
    },
  );
}

function fitFree(data: SpendStatistics, penalty: number, maxIterations: number): Fit {
  const objective = withPenalty(gammaGammaObjective(data), [0, 0, 0], penalty, data.customers);
  const { point, value, iterations, gradientNorm } = minimize(objective, new Float64Array(3), {
    maxIterations,
  });
  if (penalty === 0) checkInterior(['p', 'q', 'gamma'], point, data.customers);
  const [p, q, ratio] = [...point].map(Math.exp) as [number, number, number];
  const gamma = ratio * data.scale;
  const jacobian = [
    [p, 0, 0],
    [0, q, 0],
    [0, 0, gamma],
  ];
  const precision = observedPrecision(hessianOf(objective, point), point, data.customers, names, jacobian);
  return { parameters: { p, q, gamma }, value, iterations, gradientNorm, precision };
}

function fitTied(data: SpendStatistics, penalty: number, maxIterations: number): Fit {
  const objective = withPenalty(tieMean(gammaGammaObjective(data)), [0, 0], penalty, data.customers);
  const { point, value, iterations, gradientNorm } = minimize(objective, new Float64Array(2), {
    maxIterations,
  });
  if (penalty === 0) checkInterior(['p', 'q - 1'], point, data.customers);
  const [p, excess] = [...point].map(Math.exp) as [number, number];
  const gamma = (data.scale * excess) / p;
  const jacobian = [
    [p, 0],
    [0, excess],
    [-gamma, gamma],
  ];
  const precision = observedPrecision(hessianOf(objective, point), point, data.customers, names, jacobian);
  return { parameters: { p, q: 1 + excess, gamma }, value, iterations, gradientNorm, precision };
}

/**
 * Fits the Gamma-Gamma model of spend: Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025.
 * The rule for heavy tails: with q <= 1 the population mean is infinite, and with q a little above 1 it exceeds
 * anything seen. Whenever the free fit has q <= 1 or a population mean above the largest mean value observed, the
 * fit is repeated under the constraint that the population mean is the customers' average mean value; `meanTied` says so.
 * @throws AppError MODEL_BAD_INPUT for bad rows (with the index) or none with frequency above 0; MODEL_NO_CONVERGENCE.
 */
export function fitGammaGamma(data: SpendHistories, options: GammaGammaOptions = {}): FittedGammaGamma {
  const { penalty = 0, maxIterations = 500 } = options;
  checkPenalty(penalty);
  checkSpend(data);
  const statistics = summarizeSpend(data.frequency, data.monetaryValue);
  const { customers, scale } = statistics;
  if (customers === 0) {
    throw new AppError('MODEL_BAD_INPUT', 'No customer has a repeat transaction with a value.', {
      details: { rows: data.frequency.length },
      hint: 'Wait for repeat purchases or observe a longer period.',
    });
  }
  let fit = fitFree(statistics, penalty, maxIterations);
  const freeMean = (fit.parameters.p * fit.parameters.gamma) / (fit.parameters.q - 1);
  const meanTied = !(fit.parameters.q > 1 && freeMean <= statistics.largest);
  if (meanTied) fit = fitTied(statistics, penalty, maxIterations);
  const { iterations, gradientNorm, parameters } = fit;
  const point = Float64Array.of(parameters.p, parameters.q, parameters.gamma / scale).map(Math.log);
  const mean = gammaGammaObjective(statistics)(point, new Float64Array(3));
  // A density per unit of currency, while the fit works in multiples of the average.
  const logLikelihood = -customers * (mean + Math.log(scale));
  const populationMean = expectedSpend(parameters, 0, 0);
  return fitted(parameters, {
    logLikelihood,
    customers,
    iterations,
    gradientNorm,
    penalty,
    populationMean,
    meanTied,
    ...fit.precision,
  });
}

/** Restores a model from what `toJSON` wrote, also before it had standard errors. @throws AppError MODEL_BAD_INPUT for anything else. */
export function gammaGammaFromJSON(json: unknown): FittedGammaGamma {
  const stored = readModelJson<GammaGammaParameters, GammaGammaDiagnostics>(json, 'gamma-gamma', 1, domains);
  return fitted(stored.parameters, withPrecision(stored.diagnostics, names));
}
