import { AppError } from '../errors.ts';
import { fitBgNbd } from '../models/bg-nbd.ts';
import type { PurchaseHistories, PurchaseModel } from '../models/purchase-model.ts';
import type { Snapshot } from './snapshot.ts';

/** The models count in weeks, as the published estimates do; optimisation is better scaled than in days. */
export const DAYS_PER_WEEK = 7;

function inWeeks(days: Float64Array): Float64Array {
  return days.map((value) => value / DAYS_PER_WEEK);
}

/** What `make` gives, or `undefined` where the data hold no maximum: too few customers, nobody bought twice, all alike. */
export function fitOrNothing<Model>(make: () => Model): Model | undefined {
  try {
    return make();
  } catch (error) {
    const expected =
      error instanceof AppError && ['MODEL_NO_CONVERGENCE', 'MODEL_BAD_INPUT'].includes(error.code);
    if (!expected) throw error;
    return undefined;
  }
}

export function historiesOf(snapshot: Snapshot): PurchaseHistories {
  return {
    frequency: snapshot.frequency,
    recency: inWeeks(snapshot.recencyDays),
    T: inWeeks(snapshot.tDays),
  };
}

/** The model that is served: BG/NBD has the simplest sums, and on the published data sets the others rank no better. */
export function fitPurchaseModel(snapshot: Snapshot): PurchaseModel | undefined {
  return fitOrNothing(() => fitBgNbd(historiesOf(snapshot)));
}

/** P(at least one purchase within the horizon) of each customer, not calibrated. */
export function purchaseProbabilities(
  model: PurchaseModel,
  snapshot: Snapshot,
  horizonDays: number,
): Float64Array {
  const { frequency, recencyDays, tDays } = snapshot;
  return Float64Array.from({ length: snapshot.size }, (_, i) =>
    model.probabilityOfPurchase(
      horizonDays / DAYS_PER_WEEK,
      frequency[i]!,
      recencyDays[i]! / DAYS_PER_WEEK,
      tDays[i]! / DAYS_PER_WEEK,
    ),
  );
}
