import { AppError } from '../errors.ts';
import { type FittedBgNbd, fitBgNbd } from '../models/bg-nbd.ts';
import type { Snapshot } from './snapshot.ts';

/** The models count in weeks, as the published estimates do; optimisation is better scaled than in days. */
export const DAYS_PER_WEEK = 7;

function inWeeks(days: Float64Array): Float64Array {
  return days.map((value) => value / DAYS_PER_WEEK);
}

/** `undefined` where the data hold no maximum: too few customers, nobody bought twice, all alike. */
export function fitPurchaseModel(snapshot: Snapshot): FittedBgNbd | undefined {
  try {
    return fitBgNbd({
      frequency: snapshot.frequency,
      recency: inWeeks(snapshot.recencyDays),
      T: inWeeks(snapshot.tDays),
    });
  } catch (error) {
    if (
      error instanceof AppError &&
      (error.code === 'MODEL_NO_CONVERGENCE' || error.code === 'MODEL_BAD_INPUT')
    )
      return undefined;
    throw error;
  }
}

/** P(at least one purchase within the horizon) of each customer, not calibrated. */
export function purchaseProbabilities(
  model: FittedBgNbd,
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
