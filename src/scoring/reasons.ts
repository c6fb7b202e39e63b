import type { Contributions } from './candidates.ts';
import type { Sight } from './cut.ts';
import type { FeatureColumn } from './features.ts';

/** What moved one customer's forecast. */
export interface Reason {
  readonly feature: string;
  /** In log-odds before calibration; above 0 it speaks for a purchase. */
  readonly effect: number;
  /** The customer's own number behind the feature, in days, pieces or money; null where there is none. */
  readonly value: number | null;
}

/** Three reasons are read, ten are not; a tenth of log-odds moves a probability by a fortieth at most. */
const MOST_REASONS = 3;
const LEAST_EFFECT = 0.1;

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
  return Number.isFinite(value) ? Number(value.toFixed(3)) : null;
}

/** The strongest first. */
export function strongestReasons(contributions: Contributions, sight: Sight, row: number): Reason[] {
  const effects = contributions(row);
  // A million customers are asked: three passes over two dozen numbers cost less than sorting as many objects.
  const strongest: number[] = [];
  for (let pick = 0; pick < MOST_REASONS; pick++) {
    let best = -1;
    for (let j = 0; j < effects.length; j++) {
      const strength = Math.abs(effects[j]!);
      if (strength < LEAST_EFFECT || strongest.includes(j)) continue;
      if (best < 0 || strength > Math.abs(effects[best]!)) best = j;
    }
    if (best < 0) break;
    strongest.push(best);
  }
  return strongest.map((j) => {
    const feature = sight.matrix.names[j]!;
    return { feature, effect: Number(effects[j]!.toFixed(3)), value: naturalValue(feature, sight, row) };
  });
}
