import type { Sight } from './cut.ts';
import type { RevenueForecast } from './lifetime-value-model.ts';
import type { ScoreRow } from './publish.ts';
import { reasonsOf } from './reasons.ts';
import type { RevenueOutlook } from './revenue-outlook.ts';
import { rounded } from './rounded.ts';
import type { Snapshot } from './snapshot.ts';
import { createStandings, knownOf, type Standings } from './standings.ts';
import { type Missing, statusOf } from './status.ts';
import type { StrongestEffects } from './strongest-effects.ts';

/** The answers to one question: a probability for each customer in sight, or what is missing. */
export interface Answers {
  readonly missing: readonly Missing[];
  /** Calibrated; empty where something is missing. */
  readonly probabilities: Float64Array;
  /** `undefined` where something is missing. */
  readonly sight: Sight | undefined;
  /** Where the model can say what moved one customer's forecast. */
  readonly strongest: StrongestEffects | undefined;
}

/** All that one run found of the customers that it looked at, before it is published. */
export interface Scores {
  readonly snapshot: Snapshot;
  readonly alive: Float64Array | undefined;
  readonly ltv: {
    readonly missing: readonly Missing[];
    readonly forecast: (RevenueForecast & RevenueOutlook) | undefined;
  };
  readonly purchase: Answers;
  readonly churn: Answers;
  /** Of those who only looked so far. */
  readonly firstPurchase: Answers;
}

/** Both probabilities are of a purchase: an effect above 0 speaks for one. */
function because(name: string, { strongest, sight }: Answers, i: number): Record<string, unknown> {
  return strongest && sight ? { [name]: reasonsOf(strongest, sight, i) } : {};
}

/** The numbers behind the scores of customer i, in the units that a person reads. */
function explain(scores: Scores, standings: Standings, i: number): Record<string, unknown> {
  const { snapshot, ltv, alive, churn, purchase } = scores;
  const missing = {
    ...(ltv.missing.length > 0 ? { ltv: ltv.missing } : {}),
    ...(churn.missing.length > 0 ? { churn: churn.missing } : {}),
    ...(purchase.missing.length > 0 ? { purchase: purchase.missing } : {}),
  };
  const historic = snapshot.grossRevenue[i]! - snapshot.refunds[i]!;
  return {
    orders: snapshot.orders[i],
    repeat_purchase_days: snapshot.frequency[i],
    days_since_first_purchase: snapshot.tDays[i],
    days_since_last_purchase: standings.sinceLastPurchase[i],
    historic_revenue: standings.historicRevenue[i],
    ...(alive ? { probability_alive: rounded(alive[i]!, 6) } : {}),
    ...(ltv.forecast
      ? {
          expected_purchases: rounded(ltv.forecast.expectedPurchases[i]!, 6),
          expected_spend: rounded(ltv.forecast.expectedSpend[i]!, 2),
          predicted_revenue: standings.predictedRevenue[i],
          ltv_low: rounded(historic + ltv.forecast.lower[i]!, 2),
          ltv_high: rounded(historic + ltv.forecast.upper[i]!, 2),
          discounted_revenue: rounded(ltv.forecast.discounted[i]!, 2),
        }
      : {}),
    ...because('purchase_because', purchase, i),
    ...because('no_churn_because', churn, i),
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

/** Published numbers of the buyers. */
export function buyersStandings(
  { snapshot, ltv, purchase, churn }: Scores,
  segmentId: Float64Array,
): Standings {
  const bought = purchase.sight && Float64Array.from(purchase.probabilities, Math.fround);
  return createStandings(snapshot.userId, {
    ...knownOf(snapshot),
    segmentId,
    purchase: bought,
    churn:
      churn.sight && churn.probabilities.map((stays, i) => churnAtMost(1 - stays, 1 - (bought?.[i] ?? 0))),
    predictedRevenue: ltv.forecast?.revenue.map((value) => rounded(value, 2)),
  });
}

/** Those of who only looked so far, where anything is said of them. */
export function visitorsStandings({ firstPurchase: { sight, probabilities } }: Scores): Standings {
  return createStandings(sight?.population.userId ?? new Int32Array(0), {
    purchase: Float64Array.from(probabilities, Math.fround),
  });
}

/** Who only looked so far: nothing can be said of value or loss, but of a first purchase. */
function* visitorRows({ firstPurchase }: Scores, { purchase }: Standings): Generator<ScoreRow> {
  const { sight } = firstPurchase;
  if (!sight) return;
  const { population } = sight;
  for (let i = 0; i < population.size; i++) {
    const explanation = {
      days_since_first_seen: population.column('tenure_days')[i],
      days_since_last_seen: population.column('inactive_days')[i],
      ...because('purchase_because', firstPurchase, i),
    };
    yield [
      population.userId[i]!,
      null,
      null,
      null,
      purchase[i]!,
      'never_bought',
      'never_bought',
      'ok',
      JSON.stringify(explanation),
    ];
  }
}

function* buyerRows(scores: Scores, standings: Standings): Generator<ScoreRow> {
  const { snapshot, ltv, purchase, churn } = scores;
  for (let i = 0; i < snapshot.size; i++) {
    const historic = snapshot.grossRevenue[i]! - snapshot.refunds[i]!;
    yield [
      snapshot.userId[i]!,
      standings.segmentId[i]!,
      ltv.forecast ? rounded(historic + ltv.forecast.revenue[i]!, 2) : null,
      churn.sight ? standings.churn[i]! : null,
      purchase.sight ? standings.purchase[i]! : null,
      statusOf(ltv.missing),
      statusOf(churn.missing),
      statusOf(purchase.missing),
      JSON.stringify(explain(scores, standings, i)),
    ];
  }
}

/** The rows of user_metrics and user_score_details, of buyers and of those who only looked, in the order of user_id. */
export function* scoreRows(
  scores: Scores,
  standings: { readonly buyers: Standings; readonly visitors: Standings },
): Generator<ScoreRow> {
  const visitors = visitorRows(scores, standings.visitors);
  let visitor = visitors.next();
  for (const buyer of buyerRows(scores, standings.buyers)) {
    for (; !visitor.done && visitor.value[0] < buyer[0]; visitor = visitors.next()) yield visitor.value;
    yield buyer;
  }
  for (; !visitor.done; visitor = visitors.next()) yield visitor.value;
}
