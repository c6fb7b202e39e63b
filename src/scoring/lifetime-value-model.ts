import { type FittedGammaGamma, gammaGammaFromJSON } from '../models/gamma-gamma.ts';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { purchaseModelFromJSON } from '../models/purchase-models.ts';
import { DAYS_PER_WEEK } from './purchase-model.ts';
import type { Snapshot } from './snapshot.ts';

/** What each customer is expected to bring within a horizon, beside the parts of it. */
export interface RevenueForecast {
  readonly expectedPurchases: Float64Array;
  /** Of one purchase, before refunds. */
  readonly expectedSpend: Float64Array;
  /** Net of the refunds that the shop usually has. */
  readonly revenue: Float64Array;
}

interface Parts {
  readonly purchases: PurchaseModel;
  readonly spend: FittedGammaGamma;
  /** Share of the revenue that customers send back: forecasts are of purchases, LTV is of what stays. */
  readonly refundShare: number;
}

/** Purchases times spend (Fader, Hardie & Lee 2005). Frozen; stored in model_runs. */
export interface LifetimeValueModel extends Parts {
  forecast(snapshot: Snapshot, horizonDays: number): RevenueForecast;
  toJSON(): StoredLifetimeValueModel;
}

interface StoredLifetimeValueModel {
  readonly purchases: unknown;
  readonly spend: unknown;
  readonly refundShare: number;
}

function forecast(
  { purchases, spend, refundShare }: Parts,
  snapshot: Snapshot,
  horizonDays: number,
): RevenueForecast {
  const { frequency, recencyDays, tDays, monetaryValue, size } = snapshot;
  const expectedPurchases = new Float64Array(size);
  const expectedSpend = new Float64Array(size);
  const revenue = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const x = frequency[i]!;
    const z = monetaryValue[i]!;
    expectedPurchases[i] = purchases.expectedPurchases(
      horizonDays / DAYS_PER_WEEK,
      x,
      recencyDays[i]! / DAYS_PER_WEEK,
      tDays[i]! / DAYS_PER_WEEK,
    );
    // A repeater whose repeat days brought nothing says nothing of the spend: the population's mean, as for who bought once.
    expectedSpend[i] = spend.expectedSpend(z > 0 ? x : 0, z);
    revenue[i] = expectedPurchases[i]! * expectedSpend[i]! * (1 - refundShare);
  }
  return { expectedPurchases, expectedSpend, revenue };
}

export function createLifetimeValueModel(parts: Parts): LifetimeValueModel {
  const { purchases, spend, refundShare } = parts;
  return Object.freeze<LifetimeValueModel>({
    ...parts,
    forecast: (snapshot, horizonDays) => forecast(parts, snapshot, horizonDays),
    toJSON: () => ({ purchases: purchases.toJSON(), spend: spend.toJSON(), refundShare }),
  });
}

/** Restores a model from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else */
export function lifetimeValueModelFromJSON(json: unknown): LifetimeValueModel {
  const { purchases, spend, refundShare } = json as StoredLifetimeValueModel;
  return createLifetimeValueModel({
    purchases: purchaseModelFromJSON(purchases),
    spend: gammaGammaFromJSON(spend),
    refundShare,
  });
}
