import type { PurchaseModel } from '../models/purchase-model.ts';
import {
  type AmountBin,
  amountTable,
  mae,
  normalizedGini,
  spearman,
  topDecileShare,
  totalRatio,
} from '../models/regression-metrics.ts';
import { shrinkMean } from '../models/shrunk-mean.ts';
import { snapshotOf } from './features.ts';
import { STEP_DAYS } from './forecast.ts';
import type { History } from './history.ts';
import { createLifetimeValueModel, type LifetimeValueModel } from './lifetime-value-model.ts';
import { daysBefore, historyDays, outcomesOf, type Snapshot } from './snapshot.ts';
import { fitSpend } from './spend-model.ts';
import { type Metrics, type Missing, unmet } from './status.ts';
import type { Training } from './trained-model.ts';

export interface LifetimeValueOptions {
  horizonDays: number;
  discountHorizonDays: number;
  /** A year: 0.1 for 10 %. */
  discountRate: number;
  backtestDays: number;
  minBuyers: number;
  minHistoryDays: number;
}

function refundShareOf(snapshot: Snapshot): number {
  const gross = sum(snapshot.grossRevenue);
  return gross > 0 ? Math.min(1, sum(snapshot.refunds) / gross) : 0;
}

/** A year of windows says how much the total strays, seasons included. */
const MAX_LEVEL_WINDOWS = 12;
/** What fewer customers bring is their own luck. */
const MIN_LEVEL_CUSTOMERS = 100;

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

/** Logarithms of actual by predicted totals over windows that ended before the moment, newest first, all as the model of today sees them. */
async function totalErrors(
  history: History,
  moment: Date,
  horizonDays: number,
  model: LifetimeValueModel,
): Promise<number[]> {
  const errors: number[] = [];
  for (let back = 0; back < MAX_LEVEL_WINDOWS; back++) {
    const cutoff = daysBefore(moment, horizonDays + back * STEP_DAYS);
    const snapshot = snapshotOf((await history.populations(cutoff)).buyers);
    if (snapshot.size < MIN_LEVEL_CUSTOMERS) break;
    const actual = sum(outcomesOf(snapshot.userId, await history.outcomes(cutoff, horizonDays), 'revenue'));
    const predicted = sum(model.forecast(snapshot, horizonDays).revenue);
    if (!(actual > 0 && predicted > 0)) break;
    errors.push(Math.log(actual / predicted));
  }
  return errors;
}

/** Purchases times spend, at the level that past windows ask for. */
async function levelled(
  history: History,
  moment: Date,
  horizonDays: number,
  parts: Omit<Parameters<typeof createLifetimeValueModel>[0], 'level'>,
): Promise<LifetimeValueModel> {
  const errors = await totalErrors(
    history,
    moment,
    horizonDays,
    createLifetimeValueModel({ ...parts, level: 1 }),
  );
  const { value } = shrinkMean(errors, { overlap: Math.max(1, horizonDays / STEP_DAYS) });
  return createLifetimeValueModel({ ...parts, level: Math.exp(value) });
}

/** Revenue of one window as forecast at its start, by each model, beside the naive forecast that everybody does the same again. */
export interface JudgedRevenue {
  readonly cutoff: Date;
  readonly horizonDays: number;
  readonly customers: number;
  readonly models: Readonly<Record<string, Metrics>>;
  /** By the predicted revenue of each model, the highest first. */
  readonly deciles: Readonly<Record<string, readonly AmountBin[]>>;
}

function judgeRevenue(predicted: Float64Array, actual: Float64Array): Metrics {
  return {
    spearman: spearman(predicted, actual),
    gini: normalizedGini(predicted, actual),
    topDecileShare: topDecileShare(predicted, actual),
    totalRatio: totalRatio(predicted, actual),
    mae: mae(predicted, actual),
  };
}

/** What the buyers of a cut-off brought in the window after it, and what each model said at its start. */
export interface RevenueCut {
  readonly actual: Float64Array;
  readonly predicted: ReadonlyMap<string, Float64Array>;
}

/** `modelsOf` gives purchase models fitted to the buyers at the cut-off, by name. `undefined` where there is nothing to forecast from. */
export async function forecastRevenueAt(
  history: History,
  cutoff: Date,
  horizonDays: number,
  modelsOf: (snapshot: Snapshot) => ReadonlyMap<string, PurchaseModel>,
): Promise<RevenueCut | undefined> {
  const snapshot = snapshotOf((await history.populations(cutoff)).buyers);
  const spend = snapshot.size > 0 ? fitSpend(snapshot) : undefined;
  if (!spend) return undefined;
  const refundShare = refundShareOf(snapshot);
  const before = await history.outcomes(daysBefore(cutoff, horizonDays), horizonDays);
  const after = await history.outcomes(cutoff, horizonDays);
  const predicted = new Map([['same-again', outcomesOf(snapshot.userId, before, 'revenue')]]);
  for (const [name, purchases] of modelsOf(snapshot)) {
    const model = await levelled(history, cutoff, horizonDays, { purchases, spend, refundShare });
    predicted.set(name, model.forecast(snapshot, horizonDays).revenue);
  }
  return { actual: outcomesOf(snapshot.userId, after, 'revenue'), predicted };
}

export async function judgeLifetimeValue(
  history: History,
  cutoff: Date,
  horizonDays: number,
  modelsOf: (snapshot: Snapshot) => ReadonlyMap<string, PurchaseModel>,
): Promise<JudgedRevenue> {
  const cut = await forecastRevenueAt(history, cutoff, horizonDays, modelsOf);
  const predicted = [...(cut?.predicted ?? [])];
  const actual = cut?.actual ?? new Float64Array(0);
  return {
    cutoff,
    horizonDays,
    customers: actual.length,
    models: Object.fromEntries(predicted.map(([name, values]) => [name, judgeRevenue(values, actual)])),
    deciles: Object.fromEntries(predicted.map(([name, values]) => [name, amountTable(values, actual)])),
  };
}

/** Enough customers, and still no fit: absurd amounts are the usual cause, so the largest is shown. */
function noFit(snapshot: Snapshot, model: PurchaseModel | undefined): Missing {
  if (!model) return { what: 'purchases that BG/NBD can be fitted to', have: 0, need: 1 };
  const largest = snapshot.monetaryValue.reduce((max, value) => Math.max(max, value), 0);
  return {
    what: `amounts that Gamma-Gamma can be fitted to (the largest mean spend is ${largest})`,
    have: 0,
    need: 1,
  };
}

/** The purchase model that is served, by its name, as of a moment. */
export async function servedModels(history: History, moment: Date): Promise<Map<string, PurchaseModel>> {
  const served = await history.purchaseModel(moment);
  return new Map(served ? [[served.model, served]] : []);
}

/** Trains the forecast of net revenue: BG/NBD purchases times Gamma-Gamma spend (Fader, Hardie & Lee 2005). */
export async function trainLifetimeValue(
  history: History,
  asOf: Date,
  options: LifetimeValueOptions,
): Promise<Training<LifetimeValueModel>> {
  const snapshot = snapshotOf((await history.populations(asOf)).buyers);
  const days = historyDays(snapshot);
  const missing = unmet([
    { what: 'customers who bought', have: history.customersOf(snapshot), need: options.minBuyers },
    { what: 'days since the first purchase', have: days, need: options.minHistoryDays },
  ]);
  if (missing.length > 0) return { missing };
  const purchases = await history.purchaseModel(asOf);
  const spend = purchases && fitSpend(snapshot);
  if (!spend) return { missing: [noFit(snapshot, purchases)] };
  const refundShare = refundShareOf(snapshot);
  const model = await levelled(history, asOf, options.backtestDays, { purchases, spend, refundShare });
  const cutoff = daysBefore(asOf, options.backtestDays);
  // Only the model that is served: a training is no contest.
  const served = await servedModels(history, cutoff);
  const judged = await judgeLifetimeValue(history, cutoff, options.backtestDays, () => served);
  return {
    missing: [],
    trained: {
      model,
      algorithm: purchases.model,
      parameters: {
        settings: options,
        horizonDays: options.horizonDays,
        discountHorizonDays: options.discountHorizonDays,
        discountRate: options.discountRate,
        refundShare,
        level: model.level,
        gammaGamma: spend.toJSON(),
        extrapolated: days < options.horizonDays,
      },
      evaluation: { ...judged },
      asOf,
      customers: history.customersOf(snapshot),
      historyDays: days,
    },
  };
}
