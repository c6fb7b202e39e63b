import type { Sight } from './cut.ts';
import type { FeatureColumn } from './features.ts';
import { rounded } from './rounded.ts';
import { MOST_REASONS, type StrongestEffects } from './strongest-effects.ts';

/** What moved one customer's forecast. */
export interface Reason {
  readonly feature: string;
  /** In log-odds before calibration; above 0 it speaks for a purchase. */
  readonly effect: number;
  /** The customer's own number behind the feature, in days, pieces or money; null where there is none. */
  readonly value: number | null;
}

type OfRow = (sight: Sight, row: number) => number;

function sinceLastPurchase({ population }: Sight, row: number): number {
  return population.column('t_days')[row]! - population.column('recency_days')[row]!;
}

/** Features of the matrix that are no column of get_customer_features. */
const derived: Readonly<Record<string, OfRow>> = {
  purchase_model: ({ purchaseForecast }, row) => purchaseForecast[row] ?? Number.NaN,
  since_last_purchase: sinceLastPurchase,
  overdue: (sight, row) => sinceLastPurchase(sight, row) / sight.population.column('gap_mean_days')[row]!,
  order_value: ({ population }, row) =>
    population.column('gross_revenue')[row]! / Math.max(1, population.column('orders')[row]!),
};

function naturalValue(feature: string, sight: Sight, row: number): number | null {
  const value = derived[feature]
    ? derived[feature](sight, row)
    : sight.population.column(feature as FeatureColumn)[row]!;
  return Number.isFinite(value) ? rounded(value, 3) : null;
}

/** The strongest first. */
export function reasonsOf({ features, effects }: StrongestEffects, sight: Sight, row: number): Reason[] {
  const reasons: Reason[] = [];
  for (let at = row * MOST_REASONS; at < (row + 1) * MOST_REASONS && features[at]! >= 0; at++) {
    const feature = sight.matrix.names[features[at]!]!;
    reasons.push({
      feature,
      effect: rounded(effects[at]!, 3),
      value: naturalValue(feature, sight, row),
    });
  }
  return reasons;
}
