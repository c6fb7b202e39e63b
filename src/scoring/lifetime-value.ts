import { AppError } from '../errors.ts';
import type { FittedBgNbd } from '../models/bg-nbd.ts';
import { type FittedGammaGamma, fitGammaGamma } from '../models/gamma-gamma.ts';
import { mae, spearman, totalRatio } from '../models/regression-metrics.ts';
import { snapshotOf } from './features.ts';
import type { History } from './history.ts';
import { DAYS_PER_WEEK, fitPurchaseModel } from './purchase-model.ts';
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
  try {
    return fitGammaGamma({
      frequency: Float64Array.from(repeaters, (i) => snapshot.frequency[i]!),
      monetaryValue: Float64Array.from(repeaters, (i) => snapshot.monetaryValue[i]!),
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

/** Share of the revenue that the shop's customers send back: forecasts are of purchases, LTV is of what stays. */
function refundShare(snapshot: Snapshot): number {
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  const gross = sum(snapshot.grossRevenue);
  return gross > 0 ? Math.min(1, sum(snapshot.refunds) / gross) : 0;
}

function forecastRevenue(
  model: FittedBgNbd,
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

/** The forecast made at an earlier cut-off against what came; the naive forecast is that everybody does the same as in the window before. */
async function backtest(history: History, moment: Date, days: number): Promise<Record<string, unknown>> {
  const cutoff = daysBefore(moment, days);
  const snapshot = snapshotOf((await history.populations(cutoff)).buyers);
  const model = snapshot.size > 0 ? fitPurchaseModel(snapshot) : undefined;
  const spend = model ? fitSpend(snapshot) : undefined;
  if (!model || !spend) return { cutoff: cutoff.toISOString(), horizonDays: days, models: {} };
  const before = await history.outcomes(daysBefore(cutoff, days), days);
  const after = await history.outcomes(cutoff, days);
  const actual = Float64Array.from(snapshot.userId, (id) => after.revenue.get(id) ?? 0);
  const judge = (predicted: Float64Array): Metrics => ({
    spearman: spearman(predicted, actual),
    totalRatio: totalRatio(predicted, actual),
    mae: mae(predicted, actual),
  });
  return {
    cutoff: cutoff.toISOString(),
    horizonDays: days,
    customers: snapshot.size,
    models: {
      bgNbdGammaGamma: judge(forecastRevenue(model, spend, snapshot, days).revenue),
      naiveSameAgain: judge(Float64Array.from(snapshot.userId, (id) => before.revenue.get(id) ?? 0)),
    },
  };
}

/** Expected net revenue of the next `horizonDays`: BG/NBD purchases times Gamma-Gamma spend (Fader, Hardie & Lee 2005). */
export async function lifetimeValue(
  history: History,
  snapshot: Snapshot,
  model: FittedBgNbd | undefined,
  options: LifetimeValueOptions,
): Promise<LifetimeValueModel> {
  const missing = unmet([
    { what: 'customers who bought', have: snapshot.size, need: options.minBuyers },
    { what: 'days since the first purchase', have: historyDays(snapshot), need: options.minHistoryDays },
  ]);
  const spend = model && missing.length === 0 ? fitSpend(snapshot) : undefined;
  if (!model || !spend) {
    const reasons =
      missing.length > 0
        ? missing
        : [{ what: 'customers with enough repeat purchases to fit the models', have: 0, need: 1 }];
    return { missing: reasons, forecast: undefined, parameters: {}, evaluation: { missing: reasons } };
  }
  return {
    missing,
    forecast: forecastRevenue(model, spend, snapshot, options.horizonDays),
    parameters: {
      gammaGamma: spend.toJSON(),
      refundShare: refundShare(snapshot),
      horizonDays: options.horizonDays,
      extrapolated: historyDays(snapshot) < options.horizonDays,
    },
    evaluation: await backtest(history, snapshot.moment, options.backtestDays),
  };
}
