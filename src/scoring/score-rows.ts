import type { Population } from './features.ts';
import type { LifetimeValueModel } from './lifetime-value.ts';
import type { ScoreRow } from './publish.ts';
import type { ProbabilityModel } from './purchase-probability.ts';
import type { Segmentation } from './segmentation.ts';
import type { Snapshot } from './snapshot.ts';
import { statusOf } from './status.ts';

/** All that one run found, before it is published. */
export interface Fitted {
  snapshot: Snapshot;
  visitors: Population;
  /** Of those who only looked so far. */
  firstPurchase: ProbabilityModel;
  latestPurchase: Date;
  segmentation: Segmentation;
  segmentIds: ArrayLike<number>;
  alive: Float64Array | undefined;
  parameters: Record<string, unknown>;
  ltv: LifetimeValueModel;
  purchase: ProbabilityModel;
  churn: ProbabilityModel;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Both probabilities are of a purchase: an effect above 0 speaks for one. */
function because(name: string, model: ProbabilityModel, i: number): Record<string, unknown> {
  if (!model.reasons) return {};
  return { [name]: model.reasons(i).map(({ feature, effect }) => ({ feature, effect: rounded(effect, 3) })) };
}

/** The numbers behind the scores of customer i, in the units that a person reads. */
function explain(fitted: Fitted, i: number): Record<string, unknown> {
  const { snapshot, ltv, alive } = fitted;
  const missing = {
    ...(ltv.missing.length > 0 ? { ltv: ltv.missing } : {}),
    ...(fitted.churn.missing.length > 0 ? { churn: fitted.churn.missing } : {}),
    ...(fitted.purchase.missing.length > 0 ? { purchase: fitted.purchase.missing } : {}),
  };
  return {
    orders: snapshot.orders[i],
    repeat_purchase_days: snapshot.frequency[i],
    days_since_first_purchase: snapshot.tDays[i],
    days_since_last_purchase: snapshot.tDays[i]! - snapshot.recencyDays[i]!,
    historic_revenue: rounded(snapshot.grossRevenue[i]! - snapshot.refunds[i]!, 2),
    ...(alive ? { probability_alive: rounded(alive[i]!, 6) } : {}),
    ...(ltv.forecast
      ? {
          expected_purchases: rounded(ltv.forecast.expectedPurchases[i]!, 6),
          expected_spend: rounded(ltv.forecast.expectedSpend[i]!, 2),
          predicted_revenue: rounded(ltv.forecast.revenue[i]!, 2),
        }
      : {}),
    ...because('purchase_because', fitted.purchase, i),
    ...because('no_churn_because', fitted.churn, i),
    ...(Object.keys(missing).length > 0 ? { missing } : {}),
  };
}

/**
 * The two horizons are calibrated apart, so what logic demands (who buys within 30 days has not churned) is enforced, and so that it still
 * holds between the REAL columns: rounding to 24 bits may go up, hence one unit in the last place down.
 */
function churnAtMost(probability: number, bound: number): number {
  const value = Math.fround(Math.min(probability, bound));
  return value <= bound ? value : Math.fround(Math.max(0, value - 2 ** -24));
}

/** Who only looked so far: nothing can be said of value or loss, but of a first purchase. */
function* visitorRows({ visitors, firstPurchase }: Fitted): Generator<ScoreRow> {
  if (firstPurchase.missing.length > 0) return;
  for (let i = 0; i < visitors.size; i++) {
    const explanation = {
      days_since_first_seen: visitors.column('tenure_days')[i],
      days_since_last_seen: visitors.column('inactive_days')[i],
    };
    const probability = Math.fround(firstPurchase.probabilities[i]!);
    yield [
      visitors.userId[i]!,
      null,
      null,
      null,
      probability,
      'never_bought',
      'never_bought',
      'ok',
      JSON.stringify(explanation),
    ];
  }
}

/** The rows of user_metrics and user_score_details: the buyers, then those who only looked. */
export function* scoreRows(fitted: Fitted): Generator<ScoreRow> {
  const { snapshot, ltv, purchase, churn } = fitted;
  for (let i = 0; i < snapshot.size; i++) {
    const p30 = purchase.missing.length === 0 ? Math.fround(purchase.probabilities[i]!) : null;
    const churned =
      churn.missing.length === 0 ? churnAtMost(1 - churn.probabilities[i]!, 1 - (p30 ?? 0)) : null;
    const historic = snapshot.grossRevenue[i]! - snapshot.refunds[i]!;
    yield [
      snapshot.userId[i]!,
      fitted.segmentIds[i]!,
      ltv.forecast ? rounded(historic + ltv.forecast.revenue[i]!, 2) : null,
      churned,
      p30,
      statusOf(ltv.missing),
      statusOf(churn.missing),
      statusOf(purchase.missing),
      JSON.stringify(explain(fitted, i)),
    ];
  }
  yield* visitorRows(fitted);
}
