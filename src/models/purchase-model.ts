import type { Precision } from './standard-errors.ts';

/** One row per customer, all times in one unit (weeks, say) and counted from the customer's first purchase. */
export interface PurchaseHistories {
  /** x: repeat purchases, whole numbers of 0 or more. */
  readonly frequency: Float64Array;
  /** t_x: time of the last purchase; 0 where there is no repeat. */
  readonly recency: Float64Array;
  /** T: length of the observation. */
  readonly T: Float64Array;
  /** How many customers the row stands for; 1 where it is left out. */
  readonly weight?: Float64Array;
}

export interface PurchaseFitOptions {
  /**
   * Weight of independent priors that hold the parameters near 1, those in units of time near mean T (see withPenalty);
   * 0 (the default) is maximum likelihood. 0.1 hardly moves a fit on thousands of customers and makes one on a handful
   * well defined.
   */
  penalty?: number;
  maxIterations?: number;
}

export interface PurchaseDiagnostics<Name extends string = string> extends Precision<Name> {
  /** Without the penalty. */
  readonly logLikelihood: number;
  /** Sum of the weights. */
  readonly customers: number;
  readonly repeatCustomers: number;
  readonly iterations: number;
  /** Largest absolute derivative of the objective (per customer) in the log-parameters. */
  readonly gradientNorm: number;
  readonly penalty: number;
  /** No dropout is visible: the model became NBD, its dropout parameters have no meaning, and everybody counts as alive. */
  readonly noDropout: boolean;
}

interface PurchaseModelJson<Name extends string = string> {
  readonly model: string;
  readonly version: 1;
  readonly parameters: Readonly<Record<Name, number>>;
  readonly diagnostics: PurchaseDiagnostics<Name>;
}

/**
 * A fitted buy-till-you-die model: customers buy at a rate of their own until they drop out unseen. Frozen.
 * A history is (x, t_x, T) in the unit of time of the fit; every method throws MODEL_BAD_INPUT for what is no history.
 */
export interface PurchaseModel<Name extends string = string> {
  /** Stable name, as in the stored form. */
  readonly model: string;
  readonly parameters: Readonly<Record<Name, number>>;
  readonly diagnostics: PurchaseDiagnostics<Name>;
  /** Expected purchases within `horizon` after T. */
  expectedPurchases(horizon: number, x: number, tx: number, T: number): number;
  /** P(not dropped out at T). */
  probabilityAlive(x: number, tx: number, T: number): number;
  /** Probability of one purchase or more within `horizon` after T. */
  probabilityOfPurchase(horizon: number, x: number, tx: number, T: number): number;
  /**
   * P(n purchases within `horizon` after T), n = 0, 1, …, as far as the rest is more than `tail` (1e-9; 1e-12 at least). The
   * time it takes and its length grow with the purchases that are expected.
   */
  purchaseCountDistribution(horizon: number, x: number, tx: number, T: number, tail?: number): Float64Array;
  /**
   * DERT: expected purchases in all time after T, each discounted by e^(-rate * time from T); rate > 0 per unit of time.
   * A yearly rate of 15 % is ln(1.15) / 52 a week.
   */
  discountedExpectedResidualTransactions(rate: number, x: number, tx: number, T: number): number;
  /** One per row, not multiplied by its weight; what tests between models are made of. */
  logLikelihoods(data: PurchaseHistories): Float64Array;
  toJSON(): PurchaseModelJson<Name>;
}
