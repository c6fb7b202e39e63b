import type pg from 'pg';
import {
  expectedCalibrationErrorBand,
  type ReliabilityBin,
  reliabilityTable,
} from '../models/reliability.ts';
import { type CandidateName, candidateNames } from './candidates.ts';
import { atCutoffs, type EvaluateOptions, tooFewOutcomes } from './evaluate.ts';
import { Forecaster } from './forecast.ts';
import { History } from './history.ts';
import { type JudgedCut, judge, metricsOf } from './outcome-model.ts';
import type { Metrics } from './status.ts';

/** What one model said against what came, the highest probabilities first. */
export interface Calibration {
  /** Where 95 % of calibration errors would fall if the model's own probabilities were true. */
  readonly eceBand: { readonly low: number; readonly high: number } | null;
  readonly bins: readonly ReliabilityBin[];
}

interface Judged {
  readonly models: Readonly<Record<string, Metrics>>;
  readonly calibration: Readonly<Record<string, Calibration>>;
}

export interface OutcomeEvaluation extends Judged {
  readonly horizonDays: number;
  readonly cutoffs: readonly (Judged & {
    readonly cutoff: Date;
    readonly customers: number;
    readonly positives: number;
    readonly chosen: string;
  })[];
  /** At the last cut-off. `models` and `calibration` beside it are over all cut-offs at which every candidate could be judged, taken together. */
  readonly chosen: string;
}

const BAND_SEED = 1;
const BAND_DRAWS = 1000;

function judgeModels(predicted: ReadonlyMap<string, Float64Array>, outcome: Uint8Array): Judged {
  const models = [...predicted];
  return {
    models: Object.fromEntries(models.map(([name, values]) => [name, metricsOf(values, outcome)])),
    calibration: Object.fromEntries(
      models.map(([name, values]) => [
        name,
        {
          eceBand: expectedCalibrationErrorBand(values, BAND_SEED, BAND_DRAWS),
          bins: reliabilityTable(values, outcome),
        },
      ]),
    ),
  };
}

function join(arrays: readonly Float64Array[]): Float64Array {
  return Float64Array.from(arrays.flatMap((array) => [...array]));
}

function pooled(cuts: readonly JudgedCut[], names: readonly CandidateName[]): Judged {
  const complete = cuts.filter(({ predicted }) => names.every((name) => predicted.has(name)));
  return judgeModels(
    new Map(names.map((name) => [name, join(complete.map(({ predicted }) => predicted.get(name)!))])),
    Uint8Array.from(complete.flatMap((cut) => [...cut.outcome])),
  );
}

/** Churn is the same forecast seen from the other side: no purchase within the horizon. */
function asChurn(cut: JudgedCut): JudgedCut {
  const predicted = new Map([...cut.predicted].map(([name, values]) => [name, values.map((p) => 1 - p)]));
  return { ...cut, outcome: cut.outcome.map((bought) => 1 - bought), predicted };
}

/**
 * Judges the forecasts of a purchase (or of churn) within the horizon at several cut-offs, each model trained strictly before the window
 * on which it is judged. @throws SCORING_NO_DATA, VALIDATION for a cut-off whose window has not ended
 */
export function evaluateOutcome(
  mlPool: pg.Pool,
  kind: 'purchase' | 'churn',
  options: EvaluateOptions,
): Promise<OutcomeEvaluation> {
  const { horizonDays, minOutcomes } = options;
  return atCutoffs(mlPool, options, async (client, cutoffs) => {
    const question = { population: 'buyers', horizonDays, minOutcomes } as const;
    const forecaster = new Forecaster(new History(client), question);
    const cuts: JudgedCut[] = [];
    for (const cutoff of cutoffs) {
      const judged = await judge(forecaster, cutoff);
      if (!judged) break;
      cuts.unshift(kind === 'churn' ? asChurn(judged) : judged);
    }
    const newest = cuts.at(-1);
    if (!newest) throw tooFewOutcomes(cutoffs[0], options);
    const names = candidateNames.filter((name) => newest.predicted.has(name));
    return {
      horizonDays,
      cutoffs: cuts.map(({ cutoff, chosen, outcome, predicted }) => ({
        cutoff,
        customers: outcome.length,
        positives: outcome.reduce((sum, value) => sum + value, 0),
        chosen,
        ...judgeModels(predicted, outcome),
      })),
      ...pooled(cuts, names),
      chosen: newest.chosen,
    };
  });
}
