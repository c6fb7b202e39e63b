import { type FittedGammaGamma, fitGammaGamma } from '../models/gamma-gamma.ts';
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
import { snapshotOf } from './features.ts';
import type { History } from './history.ts';
import { DAYS_PER_WEEK, fitOrNothing } from './purchase-model.ts';
import { daysBefore, historyDays, type Snapshot } from './snapshot.ts';
import { type Metrics, type Missing, unmet } from './status.ts';

/** What a customer is expected to bring, beside the parts of it. */
interface Forecast {
  readonly expectedPurchases: Float64Array;
  readonly expectedSpend: Float64Array;
  /** Net of the refunds that the shop usually has. */
  readonly revenue: Float64Array;
}

export interface LifetimeValueModel {
  readonly missing: readonly Missing[];
  readonly forecast: Forecast | undefined;
  readonly parameters: Record<string, unknown>;
  readonly evaluation: Record<string, unknown>;
}

export interface LifetimeValueOptions {
  horizonDays: number;
  backtestDays: number;
  minBuyers: number;
  minHistoryDays: number;
}

function fitSpend(snapshot: Snapshot): FittedGammaGamma | undefined {
  const repeaters = Array.from(snapshot.userId.keys()).filter(
    (i) => snapshot.frequency[i]! > 0 && snapshot.monetaryValue[i]! > 0,
  );
  return fitOrNothing(() =>
    fitGammaGamma({
      frequency: Float64Array.from(repeaters, (i) => snapshot.frequency[i]!),
      monetaryValue: Float64Array.from(repeaters, (i) => snapshot.monetaryValue[i]!),
    }),
  );
}

/** Share of the revenue that the shop's customers send back: forecasts are of purchases, LTV is of what stays. */
function refundShare(snapshot: Snapshot): number {
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  const gross = sum(snapshot.grossRevenue);
  return gross > 0 ? Math.min(1, sum(snapshot.refunds) / gross) : 0;
}

function forecastRevenue(
  model: PurchaseModel,
  spend: FittedGammaGamma,
  snapshot: Snapshot,
  horizonDays: number,
): Forecast {
  const kept = 1 - refundShare(snapshot);
  const indices = Array.from(snapshot.userId.keys());
  const expectedPurchases = Float64Array.from(indices, (i) =>
    model.expectedPurchases(
      horizonDays / DAYS_PER_WEEK,
      snapshot.frequency[i]!,
      snapshot.recencyDays[i]! / DAYS_PER_WEEK,
      snapshot.tDays[i]! / DAYS_PER_WEEK,
    ),
  );
  // A repeater whose repeat days brought nothing says nothing of the spend: the population's mean, as for who bought once.
  const expectedSpend = Float64Array.from(indices, (i) =>
    spend.expectedSpend(
      snapshot.monetaryValue[i]! > 0 ? snapshot.frequency[i]! : 0,
      snapshot.monetaryValue[i]!,
    ),
  );
  return {
    expectedPurchases,
    expectedSpend,
    revenue: expectedPurchases.map((count, i) => count * expectedSpend[i]! * kept),
  };
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

/** `modelsOf` gives models fitted to the buyers at the cut-off, by name. */
export async function judgeLifetimeValue(
  history: History,
  cutoff: Date,
  horizonDays: number,
  modelsOf: (snapshot: Snapshot) => ReadonlyMap<string, PurchaseModel>,
): Promise<JudgedRevenue> {
  const snapshot = snapshotOf((await history.populations(cutoff)).buyers);
  const models: Record<string, Metrics> = {};
  const deciles: Record<string, AmountBin[]> = {};
  const spend = snapshot.size > 0 ? fitSpend(snapshot) : undefined;
  if (spend) {
    const before = await history.outcomes(daysBefore(cutoff, horizonDays), horizonDays);
    const after = await history.outcomes(cutoff, horizonDays);
    const revenueOf = (outcomes: typeof after): Float64Array =>
      Float64Array.from(snapshot.userId, (id) => outcomes.revenue.get(id) ?? 0);
    const actual = revenueOf(after);
    const judge = (name: string, predicted: Float64Array): void => {
      models[name] = judgeRevenue(predicted, actual);
      deciles[name] = amountTable(predicted, actual);
    };
    judge('same-again', revenueOf(before));
    for (const [name, model] of modelsOf(snapshot)) {
      judge(name, forecastRevenue(model, spend, snapshot, horizonDays).revenue);
    }
  }
  return { cutoff, horizonDays, customers: snapshot.size, models, deciles };
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

/** Expected net revenue of the next `horizonDays`: BG/NBD purchases times Gamma-Gamma spend (Fader, Hardie & Lee 2005). */
export async function lifetimeValue(
  history: History,
  snapshot: Snapshot,
  model: PurchaseModel | undefined,
  options: LifetimeValueOptions,
): Promise<LifetimeValueModel> {
  const missing = unmet([
    { what: 'customers who bought', have: snapshot.size, need: options.minBuyers },
    { what: 'days since the first purchase', have: historyDays(snapshot), need: options.minHistoryDays },
  ]);
  const spend = model && missing.length === 0 ? fitSpend(snapshot) : undefined;
  if (!model || !spend) {
    const reasons = missing.length > 0 ? missing : [noFit(snapshot, model)];
    return { missing: reasons, forecast: undefined, parameters: {}, evaluation: { missing: reasons } };
  }
  // Only the model that is served: a score is no contest.
  const cutoff = daysBefore(snapshot.moment, options.backtestDays);
  const served = await history.purchaseModel(cutoff);
  const judged = await judgeLifetimeValue(
    history,
    cutoff,
    options.backtestDays,
    () => new Map(served ? [[served.model, served]] : []),
  );
  return {
    missing,
    forecast: forecastRevenue(model, spend, snapshot, options.horizonDays),
    parameters: {
      gammaGamma: spend.toJSON(),
      refundShare: refundShare(snapshot),
      horizonDays: options.horizonDays,
      extrapolated: historyDays(snapshot) < options.horizonDays,
    },
    evaluation: { ...judged },
  };
}
