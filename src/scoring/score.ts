import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import { snapshotOf } from './features.ts';
import type { PopulationName } from './forecast.ts';
import { History } from './history.ts';
import { type LifetimeValueModel, lifetimeValue } from './lifetime-value.ts';
import { publishScores } from './publish.ts';
import { DAYS_PER_WEEK } from './purchase-model.ts';
import { type ProbabilityModel, purchaseProbability } from './purchase-probability.ts';
import * as queries from './queries.ts';
import { type Fitted, scoreRows } from './score-rows.ts';
import {
  fitSegmentation,
  promotedSegmentation,
  readStoredSegmentation,
  type SegmentationOptions,
  type StoredSegmentation,
} from './segmentation.ts';

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
  /** Who only looked so far, and got a probability to buy for the first time. */
  visitors: number;
  firstPurchase: ProbabilityModel;
  modelRunId: number;
  asOf: Date;
  customers: number;
  latestPurchase: Date;
  ltv: LifetimeValueModel;
  purchase: ProbabilityModel;
  churn: ProbabilityModel;
}

const STEPS = 6;

/** Reads and fits in one snapshot of the database, as ml_user. */
async function readAndFit(client: pg.ClientBase, options: ScoreOptions): Promise<Fitted> {
  let step = 0;
  const advance = (): void => options.onProgress?.(++step, STEPS);
  const history = new History(client);
  const { buyers, visitors } = await history.populations(options.asOf);
  const snapshot = snapshotOf(buyers);
  if (snapshot.size === 0) {
    throw new AppError('SCORING_NO_DATA', `nobody bought anything before ${options.asOf.toISOString()}`, {
      hint: 'Import purchases first, or give a later --as-of.',
    });
  }
  advance();
  const latestPurchase: Date = (await client.query(queries.LATEST_PURCHASE, [options.asOf])).rows[0].moment;
  const model = await history.purchaseModel(options.asOf);
  advance();
  const { purchaseHorizonDays, churnHorizonDays, minOutcomes } = options;
  const probability = (population: PopulationName, horizonDays: number): Promise<ProbabilityModel> =>
    purchaseProbability(history, options.asOf, { population, horizonDays, minOutcomes });
  const purchase = await probability('buyers', purchaseHorizonDays);
  advance();
  const churn = await probability('buyers', churnHorizonDays);
  advance();
  const firstPurchase = await probability('visitors', purchaseHorizonDays);
  advance();
  const ltv = await lifetimeValue(history, snapshot, model, {
    horizonDays: options.ltvHorizonDays,
    backtestDays: churnHorizonDays,
    minBuyers: options.ltvMinBuyers,
    minHistoryDays: options.ltvMinHistoryDays,
  });
  advance();
  const segmentation = await promotedSegmentation(client, options.asOf);
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
    firstPurchase: firstPurchase.parameters,
    churn: churn.parameters,
    ltv: ltv.parameters,
  };
  return {
    snapshot,
    visitors,
    latestPurchase,
    segmentation,
    segmentIds: segmentation.assign(snapshot),
    alive,
    parameters,
    ltv,
    purchase,
    churn,
    firstPurchase,
  };
}

/**
 * Scores every customer who bought before `asOf`: reads as ml_user, publishes as app_user in one transaction. The same data and moment
 * give the same rows to the bit.
 * @throws SCORING_NO_DATA, SCORING_BUSY, and what the database raises
 */
export async function score(mlPool: pg.Pool, appPool: pg.Pool, options: ScoreOptions): Promise<ScoreSummary> {
  try {
    const fitted = await inSnapshot(mlPool, (client) => readAndFit(client, options));
    const { ltv, purchase, firstPurchase, churn, latestPurchase, parameters } = fitted;
    const visitors = firstPurchase.missing.length > 0 ? 0 : fitted.visitors.size;
    const evaluation = {
      ltv: ltv.evaluation,
      purchase: purchase.evaluation,
      firstPurchase: firstPurchase.evaluation,
      churn: churn.evaluation,
    };
    const { segments } = fitted.segmentation;
    const run = { asOf: options.asOf, codeVersion: options.codeVersion, parameters, evaluation, segments };
    const modelRunId = await publishScores(appPool, run, scoreRows(fitted));
    return {
      modelRunId,
      asOf: options.asOf,
      customers: fitted.snapshot.size,
      visitors,
      latestPurchase,
      ltv,
      purchase,
      firstPurchase,
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

/**
 * Fits a segmentation to the customers as of a moment and promotes it: the next scores follow it. @throws SCORING_NO_DATA
 */
export async function promoteSegmentation(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  asOf: Date,
  codeVersion: string,
  options: SegmentationOptions,
): Promise<StoredSegmentation> {
  try {
    const stored = await inSnapshot(mlPool, async (client) => {
      const { buyers } = await new History(client).populations(asOf);
      return fitSegmentation(snapshotOf(buyers), options, await readStoredSegmentation(client, asOf));
    });
    await appPool.query(queries.RECORD_SEGMENTATION, [asOf, codeVersion, JSON.stringify(stored), '{}']);
    return stored;
  } catch (error) {
    throw databaseError(error);
  }
}
