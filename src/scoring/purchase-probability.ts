import type pg from 'pg';
import type { FittedBgNbd } from '../models/bg-nbd.ts';
import { type FittedPlatt, fitPlatt } from '../models/calibration.ts';
import { auc, brier, expectedCalibrationError, logLoss } from '../models/classification-metrics.ts';
import { fitRecencyBaseline } from '../models/recency-baseline.ts';
import { fitPurchaseModel, purchaseProbabilities } from './purchase-model.ts';
import { daysBefore, historyDays, readOutcomes, readSnapshot, type Snapshot } from './snapshot.ts';
import { type Metrics, type Missing, unmet } from './status.ts';

/** A cut-off in the past: what the model said then, and what came. */
interface Rehearsal {
  snapshot: Snapshot;
  predicted: Float64Array;
  recencyDays: Float64Array;
  outcome: Uint8Array;
  positives: number;
}

export interface ProbabilityModel {
  readonly horizonDays: number;
  readonly missing: readonly Missing[];
  /** Calibrated probability of one purchase or more for each customer of the snapshot; empty where something is missing. */
  readonly probabilities: Float64Array;
  readonly parameters: Record<string, unknown>;
  /** How it did at one earlier cut-off, beside the naive baseline. */
  readonly evaluation: Record<string, unknown>;
}

async function rehearse(
  client: pg.ClientBase,
  cutoff: Date,
  horizonDays: number,
): Promise<Rehearsal | undefined> {
  const snapshot = await readSnapshot(client, cutoff);
  const model = snapshot.size > 0 ? fitPurchaseModel(snapshot) : undefined;
  if (!model) return undefined;
  const { bought } = await readOutcomes(client, cutoff, daysBefore(cutoff, -horizonDays));
  const outcome = Uint8Array.from(snapshot.userId, (id) => (bought.has(id) ? 1 : 0));
  return {
    snapshot,
    predicted: purchaseProbabilities(model, snapshot, horizonDays),
    recencyDays: snapshot.tDays.map((t, i) => t - snapshot.recencyDays[i]!),
    outcome,
    positives: outcome.reduce((sum, value) => sum + value, 0),
  };
}

function requirements(rehearsal: Rehearsal | undefined, horizonDays: number, minOutcomes: number): Missing[] {
  const positives = rehearsal?.positives ?? 0;
  return [
    {
      what: `days of history before the cut-off ${horizonDays} days ago`,
      have: rehearsal ? historyDays(rehearsal.snapshot) : 0,
      need: horizonDays,
    },
    {
      what: `customers who bought in the last ${horizonDays} days, of those who had bought before`,
      have: positives,
      need: minOutcomes,
    },
    {
      what: `customers who did not buy in the last ${horizonDays} days, of those who had bought before`,
      have: (rehearsal?.outcome.length ?? 0) - positives,
      need: minOutcomes,
    },
  ];
}

function calibrate(rehearsal: Rehearsal): FittedPlatt {
  return fitPlatt(rehearsal.predicted, rehearsal.outcome);
}

function metrics(predicted: Float64Array, outcome: Uint8Array): Metrics {
  return {
    auc: auc(predicted, outcome),
    brier: brier(predicted, outcome),
    logLoss: logLoss(predicted, outcome),
    ece: expectedCalibrationError(predicted, outcome),
  };
}

/**
 * Judged as it is used: calibrated on the window before, tested on the last one. The windows do not touch the training data: each
 * model saw only what came before its own cut-off.
 */
function evaluate(
  test: Rehearsal,
  earlier: Rehearsal | undefined,
  horizonDays: number,
): Record<string, unknown> {
  const platt = earlier ? calibrate(earlier) : undefined;
  const baseline = earlier ? fitRecencyBaseline(earlier.recencyDays, earlier.outcome) : undefined;
  return {
    cutoff: test.snapshot.moment.toISOString(),
    horizonDays,
    customers: test.outcome.length,
    positives: test.positives,
    models: {
      ...(platt
        ? {
            calibrated: metrics(
              test.predicted.map((p) => platt.apply(p)),
              test.outcome,
            ),
          }
        : {}),
      uncalibrated: metrics(test.predicted, test.outcome),
      ...(baseline
        ? {
            naiveRecency: metrics(
              test.recencyDays.map((days) => baseline.predict(days)),
              test.outcome,
            ),
          }
        : {}),
    },
  };
}

/**
 * Probability of a purchase within the horizon: BG/NBD on all that is known, calibrated (Platt) by what it said one horizon ago and
 * what came of it, and tested against a naive forecast. `model` is fitted to `snapshot`.
 */
export async function purchaseProbability(
  client: pg.ClientBase,
  snapshot: Snapshot,
  model: FittedBgNbd | undefined,
  horizonDays: number,
  minOutcomes: number,
): Promise<ProbabilityModel> {
  const test = await rehearse(client, daysBefore(snapshot.moment, horizonDays), horizonDays);
  const missing = unmet(requirements(test, horizonDays, minOutcomes));
  if (!test || !model || missing.length > 0) {
    return {
      horizonDays,
      missing,
      probabilities: new Float64Array(0),
      parameters: {},
      evaluation: { missing },
    };
  }
  const earlier = await rehearse(client, daysBefore(snapshot.moment, 2 * horizonDays), horizonDays);
  const usable = earlier && unmet(requirements(earlier, 0, minOutcomes)).length === 0 ? earlier : undefined;
  const platt = calibrate(test);
  return {
    horizonDays,
    missing,
    probabilities: purchaseProbabilities(model, snapshot, horizonDays).map((p) => platt.apply(p)),
    parameters: { calibration: platt.toJSON() },
    evaluation: evaluate(test, usable, horizonDays),
  };
}
