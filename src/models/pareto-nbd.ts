import { fitBuyTillYouDie, type PurchaseModelDefinition, restoreBuyTillYouDie } from './buy-till-you-die.ts';
import { type ParetoNbdName, paretoNbdObjective } from './pareto-nbd-likelihood.ts';
import {
  paretoNbdDiscountedPurchases,
  paretoNbdExpectedPurchases,
  paretoNbdProbabilityAlive,
  paretoNbdProbabilityOfPurchase,
  paretoNbdRowLogLikelihood,
} from './pareto-nbd-prediction.ts';
import type { PurchaseFitOptions, PurchaseHistories, PurchaseModel } from './purchase-model.ts';

/** `diagnostics.noDropout` means that within mean T fewer than e^-9 of the customers drop out; s and beta are then arbitrary. */
export type FittedParetoNbd = PurchaseModel<ParetoNbdName>;

const paretoNbd: PurchaseModelDefinition<ParetoNbdName> = {
  model: 'pareto-nbd',
  title: 'Pareto/NBD',
  names: ['r', 'alpha', 's', 'beta'],
  timeNames: ['alpha', 'beta'],
  dropoutNames: ['s', 'beta'],
  objective: paretoNbdObjective,
  hasNoDropout: ({ s, beta }, meanT) => s * Math.log1p(meanT / beta) < Math.exp(-9),
  logLikelihood: paretoNbdRowLogLikelihood,
  probabilityAlive: paretoNbdProbabilityAlive,
  expectedPurchases: paretoNbdExpectedPurchases,
  probabilityOfPurchase: paretoNbdProbabilityOfPurchase,
  discountedPurchases: paretoNbdDiscountedPurchases,
};

/**
 * Fits Pareto/NBD: Schmittlein, Morrison & Colombo (1987), Counting Your Customers, Management Science 33(1), 1-24.
 * @throws AppError MODEL_BAD_INPUT for rows that are no histories (with the row's index) or hold no repeat purchase;
 * MODEL_NO_CONVERGENCE where the likelihood has no maximum.
 */
export function fitParetoNbd(data: PurchaseHistories, options: PurchaseFitOptions = {}): FittedParetoNbd {
  return fitBuyTillYouDie(paretoNbd, data, options);
}

/** Restores a model from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function paretoNbdFromJSON(json: unknown): FittedParetoNbd {
  return restoreBuyTillYouDie(paretoNbd, json);
}
