import { AppError } from '../errors.ts';
import type { Objective } from './line-search.ts';
import { checkPenalty, runaways, withPenalty } from './log-parameters.ts';
import { readModelJson } from './model-json.ts';
import { checkHistories } from './purchase-histories.ts';
import type {
  PurchaseDiagnostics,
  PurchaseFitOptions,
  PurchaseHistories,
  PurchaseModel,
} from './purchase-model.ts';
import { hessianOf, observedPrecision, unknownPrecision, withPrecision } from './standard-errors.ts';
import { minimizeFromSample } from './warm-start.ts';

type Parameters<Name extends string> = Readonly<Record<Name, number>>;
type OfHistory<Name extends string> = (
  parameters: Parameters<Name>,
  x: number,
  tx: number,
  T: number,
) => number;
type OfFuture<Name extends string> = (
  parameters: Parameters<Name>,
  horizonOrRate: number,
  x: number,
  tx: number,
  T: number,
) => number;

type CountsOfFuture<Name extends string> = (
  parameters: Parameters<Name>,
  horizon: number,
  x: number,
  tx: number,
  T: number,
  tail: number,
) => Float64Array;

/** Mean negative log-likelihood per customer over the log-parameters. */
export interface Likelihood {
  readonly objective: Objective;
  /** Where it is worth its code; else it is taken by differences of the gradient. */
  readonly hessian?: (point: Float64Array, gradient: Float64Array) => number[][];
}

/** The mathematics that is one model's own; fitting, storing and reporting are the same for all. Parameters are positive. */
export interface PurchaseModelDefinition<Name extends string> {
  readonly model: string;
  readonly title: string;
  /** In the order of the optimiser's coordinates, their logarithms. */
  readonly names: readonly Name[];
  /** Parameters in the unit of time of the data. */
  readonly timeNames: readonly Name[];
  /** Parameters without meaning where no dropout is visible. */
  readonly dropoutNames: readonly Name[];
  likelihood(data: PurchaseHistories): Likelihood;
  /** Whether the model is NBD for all that can be seen within the mean observation time. */
  hasNoDropout(parameters: Parameters<Name>, meanT: number): boolean;
  readonly logLikelihood: OfHistory<Name>;
  readonly probabilityAlive: OfHistory<Name>;
  readonly expectedPurchases: OfFuture<Name>;
  readonly probabilityOfPurchase: OfFuture<Name>;
  readonly purchaseCounts: CountsOfFuture<Name>;
  readonly discountedPurchases: OfFuture<Name>;
}

interface Totals {
  readonly customers: number;
  readonly repeatCustomers: number;
  readonly meanT: number;
}

function sumHistories({ frequency, T, weight }: PurchaseHistories): Totals {
  let [customers, repeatCustomers, time] = [0, 0, 0];
  for (let i = 0; i < T.length; i++) {
    const w = weight ? weight[i]! : 1;
    customers += w;
    time += w * T[i]!;
    if (frequency[i]! > 0) repeatCustomers += w;
  }
  return { customers, repeatCustomers, meanT: time / customers };
}

function checkInformation(title: string, data: PurchaseHistories, penalty: number): Totals {
  checkPenalty(penalty);
  checkHistories(data);
  if (data.T.length === 0) {
    throw new AppError('MODEL_BAD_INPUT', `${title} cannot be fitted to no customers.`, {
      hint: 'Load purchases first, or take a later moment as the end of the observation.',
    });
  }
  const totals = sumHistories(data);
  if (!(totals.customers > 0)) throw new AppError('MODEL_BAD_INPUT', 'The weights of all customers are 0.');
  if (totals.repeatCustomers > 0 || penalty > 0) return totals;
  throw new AppError(
    'MODEL_BAD_INPUT',
    'No customer bought twice, so neither rate nor dropout can be estimated.',
    {
      details: { repeatCustomers: totals.repeatCustomers },
      hint: 'Wait for repeat purchases or observe a longer period; a penalty greater than 0 fits nevertheless, on its priors.',
    },
  );
}

function toParameters<Name extends string>(names: readonly Name[], point: Float64Array): Parameters<Name> {
  return Object.fromEntries(names.map((name, i) => [name, Math.exp(point[i]!)])) as Parameters<Name>;
}

/** A supremum of the likelihood at infinity is no estimate, save for NBD, the limit that means "nobody drops out". */
function checkInterior<Name extends string>(
  { names, dropoutNames }: PurchaseModelDefinition<Name>,
  point: Float64Array,
  centre: readonly number[],
  { noDropout, repeatCustomers }: { noDropout: boolean; repeatCustomers: number },
): void {
  const harmless: readonly string[] = noDropout ? dropoutNames : [];
  const lost = runaways(names, point, centre).filter(({ name }) => !harmless.includes(name));
  if (lost.length === 0) return;
  const list = lost.map(({ name, direction }) => `${name} -> ${direction < 0 ? '0' : 'infinity'}`).join(', ');
  throw new AppError(
    'MODEL_NO_CONVERGENCE',
    `The likelihood has no maximum at finite parameters (${list}).`,
    {
      details: { parameters: [...point].map(Math.exp), repeatCustomers },
      hint: 'The customers are too few or too much alike: give the model more of them, or fit with a penalty such as 0.1.',
    },
  );
}

function assemble<Name extends string>(
  definition: PurchaseModelDefinition<Name>,
  parameters: Parameters<Name>,
  diagnostics: PurchaseDiagnostics<Name>,
): PurchaseModel<Name> {
  const { model } = definition;
  Object.freeze(parameters);
  Object.freeze(diagnostics.standardErrors);
  Object.freeze(diagnostics);
  return Object.freeze<PurchaseModel<Name>>({
    model,
    parameters,
    diagnostics,
    expectedPurchases: (horizon, x, tx, T) => definition.expectedPurchases(parameters, horizon, x, tx, T),
    probabilityAlive: (x, tx, T) => definition.probabilityAlive(parameters, x, tx, T),
    probabilityOfPurchase: (horizon, x, tx, T) =>
      definition.probabilityOfPurchase(parameters, horizon, x, tx, T),
    purchaseCountDistribution: (horizon, x, tx, T, tail = 1e-9) =>
      definition.purchaseCounts(parameters, horizon, x, tx, T, tail),
    discountedExpectedResidualTransactions: (rate, x, tx, T) =>
      definition.discountedPurchases(parameters, rate, x, tx, T),
    logLikelihoods: (data) => {
      checkHistories(data);
      const { frequency, recency, T } = data;
      return T.map((t, i) => definition.logLikelihood(parameters, frequency[i]!, recency[i]!, t));
    },
    toJSON: () => ({ model, version: 1, parameters, diagnostics }),
  });
}

/**
 * Fits by maximum likelihood (or maximum a posteriori with a penalty), in the log-parameters.
 * @throws AppError MODEL_BAD_INPUT for rows that are no histories (with the row's index) or hold no repeat purchase;
 * MODEL_NO_CONVERGENCE where the likelihood has no maximum.
 */
export function fitBuyTillYouDie<Name extends string>(
  definition: PurchaseModelDefinition<Name>,
  data: PurchaseHistories,
  options: PurchaseFitOptions,
): PurchaseModel<Name> {
  const { penalty = 0, maxIterations = 500 } = options;
  const { names, timeNames } = definition;
  const { customers, repeatCustomers, meanT } = checkInformation(definition.title, data, penalty);
  // Centred on the mean observation time, so that weeks and days give one and the same fit.
  const timeCentre = meanT > 0 ? Math.log(meanT) : 0;
  const centre = names.map((name) => (timeNames.includes(name) ? timeCentre : 0));
  const { objective: likelihood, hessian } = definition.likelihood(data);
  const objective = withPenalty(likelihood, centre, penalty, customers);
  const { point, value, gradient, iterations, gradientNorm } = minimizeFromSample(
    objective,
    data,
    (sample) => definition.likelihood(sample).objective,
    Float64Array.from(centre),
    { maxIterations },
  );
  const parameters = toParameters(names, point);
  const noDropout = definition.hasNoDropout(parameters, meanT);
  // With a penalty there is a maximum wherever it lies: the priors pull every parameter back.
  if (penalty === 0) checkInterior(definition, point, centre, { noDropout, repeatCustomers });
  const mean = penalty === 0 ? value : likelihood(point, new Float64Array(names.length));
  const curvature = () => (hessian && penalty === 0 ? hessian(point, gradient) : hessianOf(objective, point));
  const jacobian = names.map((name, i) => names.map((_, j) => (i === j ? parameters[name] : 0)));
  // The edge "nobody drops out" is a limit, not a stationary point: there is no information about it to invert.
  const precision = noDropout
    ? unknownPrecision(names)
    : observedPrecision(curvature(), point, customers, names, jacobian);
  return assemble(definition, parameters, {
    logLikelihood: -customers * mean,
    customers,
    repeatCustomers,
    iterations,
    gradientNorm,
    penalty,
    noDropout,
    ...precision,
  });
}

/** Restores a model from what `toJSON` wrote, also before it had standard errors. @throws AppError MODEL_BAD_INPUT */
export function restoreBuyTillYouDie<Name extends string>(
  definition: PurchaseModelDefinition<Name>,
  json: unknown,
): PurchaseModel<Name> {
  const { model, names } = definition;
  const domains = Object.fromEntries(names.map((name) => [name, 'positive'])) as Record<Name, 'positive'>;
  const stored = readModelJson<Parameters<Name>, PurchaseDiagnostics<Name>>(json, model, 1, domains);
  return assemble(definition, stored.parameters, withPrecision(stored.diagnostics, names));
}
