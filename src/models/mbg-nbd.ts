import { bgNbdPurchaseCounts } from './bg-nbd-counts.ts';
import { bgNbdLikelihood } from './bg-nbd-hessian.ts';
import { type BgNbdName, bgNbdRowLogLikelihood } from './bg-nbd-likelihood.ts';
import {
  bgNbdDiscountedPurchases,
  bgNbdExpectedPurchases,
  bgNbdProbabilityAlive,
  bgNbdProbabilityOfPurchase,
} from './bg-nbd-prediction.ts';
import { fitBuyTillYouDie, type PurchaseModelDefinition, restoreBuyTillYouDie } from './buy-till-you-die.ts';
import { runaways } from './log-parameters.ts';
import type { PurchaseFitOptions, PurchaseHistories, PurchaseModel } from './purchase-model.ts';

/** r, alpha, a and b as in BG/NBD; `diagnostics.noDropout` means that a went to 0, and then b has no meaning. */
export type FittedMbgNbd = PurchaseModel<BgNbdName>;

const mbgNbd: PurchaseModelDefinition<BgNbdName> = {
  model: 'mbg-nbd',
  title: 'MBG/NBD',
  names: ['r', 'alpha', 'a', 'b'],
  timeNames: ['alpha'],
  dropoutNames: ['a', 'b'],
  likelihood: (data) => bgNbdLikelihood(data, 1),
  hasNoDropout: ({ a }) => runaways(['a'], [Math.log(a)], [0]).some(({ direction }) => direction === -1),
  logLikelihood: (parameters, x, tx, T) => bgNbdRowLogLikelihood(parameters, x, tx, T, 1),
  probabilityAlive: (parameters, x, tx, T) => bgNbdProbabilityAlive(parameters, x, tx, T, 1),
  expectedPurchases: (parameters, horizon, x, tx, T) =>
    bgNbdExpectedPurchases(parameters, horizon, x, tx, T, 1),
  probabilityOfPurchase: (parameters, horizon, x, tx, T) =>
    bgNbdProbabilityOfPurchase(parameters, horizon, x, tx, T, 1),
  purchaseCounts: (parameters, horizon, x, tx, T, tail) =>
    bgNbdPurchaseCounts(parameters, horizon, x, tx, T, tail, 1),
  discountedPurchases: (parameters, rate, x, tx, T) =>
    bgNbdDiscountedPurchases(parameters, rate, x, tx, T, 1),
};

/**
 * Fits MBG/NBD, which is BG/NBD with one chance more to drop out, at time 0, right after the first purchase: so one-time
 * buyers are not all alive. Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for
 * customer base analysis, Int. J. of Research in Marketing 24(3), 201-209; Hoppe & Wagner (2007), Customer base analysis:
 * the case for a central variant of the Betageometric/NBD model, Marketing JRM 3(2), 75-90.
 * @throws AppError MODEL_BAD_INPUT for rows that are no histories (with the row's index) or hold no repeat purchase;
 * MODEL_NO_CONVERGENCE where the likelihood has no maximum.
 */
export function fitMbgNbd(data: PurchaseHistories, options: PurchaseFitOptions = {}): FittedMbgNbd {
  return fitBuyTillYouDie(mbgNbd, data, options);
}

/** Restores a model from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function mbgNbdFromJSON(json: unknown): FittedMbgNbd {
  return restoreBuyTillYouDie(mbgNbd, json);
}
