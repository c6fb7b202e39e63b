import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import { assignRfmSegments } from '../models/rfm.ts';
import { type LifetimeValueModel, lifetimeValue } from './lifetime-value.ts';
import { publishScores, type ScoreRow } from './publish.ts';
import { DAYS_PER_WEEK, fitPurchaseModel } from './purchase-model.ts';
import { type ProbabilityModel, purchaseProbability } from './purchase-probability.ts';
import * as queries from './queries.ts';
import { readSnapshot, type Snapshot } from './snapshot.ts';
import { statusOf } from './status.ts';

export interface ScoreOptions {
  /** Events at or after this moment are not used. */
  asOf: Date;
  codeVersion: string;
  purchaseHorizonDays: number;
  churnHorizonDays: number;
  ltvHorizonDays: number;
  ltvMinBuyers: number;
  ltvMinHistoryDays: number;
  minOutcomes: number;
  onProgress?: (done: number, total: number) => void;
}

export interface ScoreSummary {
  modelRunId: number;
  asOf: Date;
  customers: number;
  latestPurchase: Date;
  ltv: LifetimeValueModel;
  purchase: ProbabilityModel;
  churn: ProbabilityModel;
}

interface Fitted {
  snapshot: Snapshot;
  latestPurchase: Date;
  segments: Uint8Array;
  alive: Float64Array | undefined;
  parameters: Record<string, unknown>;
  ltv: LifetimeValueModel;
  purchase: ProbabilityModel;
  churn: ProbabilityModel;
}

const STEPS = 5;

/** Reads and fits in one snapshot of the database, as ml_user. */
async function readAndFit(client: pg.ClientBase, options: ScoreOptions): Promise<Fitted> {
  let step = 0;
  const advance = (): void => options.onProgress?.(++step, STEPS);
  await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const snapshot = await readSnapshot(client, options.asOf);
  if (snapshot.size === 0) {
    throw new AppError('SCORING_NO_DATA', `nobody bought anything before ${options.asOf.toISOString()}`, {
      hint: 'Import purchases first, or give a later --as-of.',
    });
  }
  advance();
  const latestPurchase: Date = (await client.query(queries.LATEST_PURCHASE, [options.asOf])).rows[0].moment;
  const model = fitPurchaseModel(snapshot);
  advance();
  const { purchaseHorizonDays, churnHorizonDays, minOutcomes } = options;
  const purchase = await purchaseProbability(client, snapshot, model, purchaseHorizonDays, minOutcomes);
  advance();
  const churn = await purchaseProbability(client, snapshot, model, churnHorizonDays, minOutcomes);
  advance();
  const ltv = await lifetimeValue(client, snapshot, model, {
    horizonDays: options.ltvHorizonDays,
    backtestDays: churnHorizonDays,
    minBuyers: options.ltvMinBuyers,
    minHistoryDays: options.ltvMinHistoryDays,
  });
  advance();
  const { segmentIds } = assignRfmSegments({
    recencyDays: snapshot.tDays.map((t, i) => t - snapshot.recencyDays[i]!),
    frequency: snapshot.orders,
    monetary: snapshot.grossRevenue.map((gross, i) => gross - snapshot.refunds[i]!),
  });
  const weeks = (days: number): number => days / DAYS_PER_WEEK;
  const alive = model
    ? Float64Array.from(snapshot.userId, (_, i) =>
        model.probabilityAlive(
          snapshot.frequency[i]!,
          weeks(snapshot.recencyDays[i]!),
          weeks(snapshot.tDays[i]!),
        ),
      )
    : undefined;
  const parameters = {
    bgNbd: model?.toJSON() ?? null,
    purchase: purchase.parameters,
    churn: churn.parameters,
    ltv: ltv.parameters,
  };
  return { snapshot, latestPurchase, segments: segmentIds, alive, parameters, ltv, purchase, churn };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
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

function* scoreRows(fitted: Fitted): Generator<ScoreRow> {
  const { snapshot, ltv, purchase, churn } = fitted;
  for (let i = 0; i < snapshot.size; i++) {
    const p30 = purchase.missing.length === 0 ? Math.fround(purchase.probabilities[i]!) : null;
    const churned =
      churn.missing.length === 0 ? churnAtMost(1 - churn.probabilities[i]!, 1 - (p30 ?? 0)) : null;
    const historic = snapshot.grossRevenue[i]! - snapshot.refunds[i]!;
    yield [
      snapshot.userId[i]!,
      fitted.segments[i]!,
      ltv.forecast ? rounded(historic + ltv.forecast.revenue[i]!, 2) : null,
      churned,
      p30,
      statusOf(ltv.missing),
      statusOf(churn.missing),
      statusOf(purchase.missing),
      JSON.stringify(explain(fitted, i)),
    ];
  }
}

/**
 * Scores every customer who bought before `asOf`: reads as ml_user, publishes as app_user in one transaction. The same data and moment
 * give the same rows to the bit.
 * @throws SCORING_NO_DATA, SCORING_BUSY, and what the database raises
 */
export async function score(mlPool: pg.Pool, appPool: pg.Pool, options: ScoreOptions): Promise<ScoreSummary> {
  try {
    const fitted = await inTransaction(mlPool, (client) => readAndFit(client, options));
    const { ltv, purchase, churn, latestPurchase, parameters } = fitted;
    const evaluation = { ltv: ltv.evaluation, purchase: purchase.evaluation, churn: churn.evaluation };
    const run = { asOf: options.asOf, codeVersion: options.codeVersion, parameters, evaluation };
    const modelRunId = await publishScores(appPool, run, scoreRows(fitted));
    return {
      modelRunId,
      asOf: options.asOf,
      customers: fitted.snapshot.size,
      latestPurchase,
      ltv,
      purchase,
      churn,
    };
  } catch (error) {
    throw databaseError(error);
  }
}

/** `YYYY-MM-DD` means the end of that day in the shop's time zone; anything else is a moment with its zone. @throws VALIDATION */
export async function parseAsOf(pool: pg.Pool, text: string): Promise<Date> {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    try {
      return (await pool.query(queries.END_OF_DAY, [text])).rows[0].moment;
    } catch (error) {
      throw databaseError(error);
    }
  }
  const moment = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text)
    ? new Date(text)
    : new Date(Number.NaN);
  if (Number.isNaN(moment.getTime())) {
    throw new AppError('VALIDATION', `"${text}" is no day and no moment`, {
      hint: 'Write 2011-11-01 (the end of that day) or 2011-11-01T12:00:00Z.',
    });
  }
  return moment;
}
