import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import type { PurchaseModel } from '../models/purchase-model.ts';
import { purchaseModels } from '../models/purchase-models.ts';
import { type CandidateName, candidateNames } from './candidates.ts';
import { Forecaster } from './forecast.ts';
import { History } from './history.ts';
import { type JudgedCut, judge, metricsOf } from './outcome-model.ts';
import { fitOrNothing, historiesOf } from './purchase-model.ts';
import * as queries from './queries.ts';
import { daysBefore, type Snapshot } from './snapshot.ts';
import type { Metrics } from './status.ts';
import { type JudgedRevenue, judgeLifetimeValue } from './train-lifetime-value.ts';

export interface EvaluateOptions {
  /** The last cut-off; `undefined`: the latest one whose window has ended. */
  cutoff: Date | undefined;
  horizonDays: number;
  /** Rolling origin: so many cut-offs, one horizon apart, where history allows. */
  cutoffs: number;
  minOutcomes: number;
}

/** The moment after the last day with a purchase: what comes later is not known yet. */
async function endOfKnowledge(client: pg.ClientBase): Promise<Date> {
  const { moment } = (await client.query(queries.END_OF_LATEST_PURCHASE)).rows[0];
  if (moment) return moment;
  throw new AppError('SCORING_NO_DATA', 'nobody bought anything', { hint: 'Import purchases first.' });
}

async function lastCutoff(client: pg.ClientBase, options: EvaluateOptions): Promise<Date> {
  const latest = daysBefore(await endOfKnowledge(client), options.horizonDays);
  if (options.cutoff === undefined) return latest;
  if (options.cutoff <= latest) return options.cutoff;
  throw new AppError(
    'VALIDATION',
    `the ${options.horizonDays} days after ${options.cutoff.toISOString()} have not been seen whole`,
    {
      details: { latestCutoff: latest.toISOString() },
      hint: `The latest cut-off that can be judged is ${latest.toISOString()}.`,
    },
  );
}

/** One snapshot of the database, as ml_user. */
function reading<T>(mlPool: pg.Pool, run: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  return inSnapshot(mlPool, run).catch((error: unknown) => {
    throw databaseError(error);
  });
}

export interface OutcomeEvaluation {
  readonly horizonDays: number;
  readonly cutoffs: readonly {
    cutoff: Date;
    customers: number;
    positives: number;
    chosen: string;
    models: Record<string, Metrics>;
  }[];
  /** Over all cut-offs at which every candidate could be judged, taken together. */
  readonly models: Readonly<Record<string, Metrics>>;
  readonly chosen: string;
}

function join(arrays: readonly Float64Array[]): Float64Array {
  return Float64Array.from(arrays.flatMap((array) => [...array]));
}

function pooled(cuts: readonly JudgedCut[], names: readonly CandidateName[]): Record<string, Metrics> {
  const complete = cuts.filter(({ predicted }) => names.every((name) => predicted.has(name)));
  const outcome = Uint8Array.from(complete.flatMap((cut) => [...cut.outcome]));
  return Object.fromEntries(
    names.map((name) => [
      name,
      metricsOf(join(complete.map(({ predicted }) => predicted.get(name)!)), outcome),
    ]),
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
export async function evaluateOutcome(
  mlPool: pg.Pool,
  kind: 'purchase' | 'churn',
  options: EvaluateOptions,
): Promise<OutcomeEvaluation> {
  return reading(mlPool, async (client) => {
    const last = await lastCutoff(client, options);
    const { horizonDays, minOutcomes } = options;
    const forecaster = new Forecaster(new History(client), {
      population: 'buyers',
      horizonDays,
      minOutcomes,
    });
    const cuts: JudgedCut[] = [];
    for (let back = 0; back < options.cutoffs; back++) {
      const judged = await judge(forecaster, daysBefore(last, back * horizonDays));
      if (!judged) break;
      cuts.unshift(kind === 'churn' ? asChurn(judged) : judged);
    }
    const newest = cuts.at(-1);
    if (!newest) {
      throw new AppError(
        'SCORING_NO_DATA',
        `too little happened before ${last.toISOString()} or in the ${horizonDays} days after it`,
        {
          details: { minOutcomes },
          hint: `A cut-off and the one before it each need ${minOutcomes} customers who bought in the window and ${minOutcomes} who did not.`,
        },
      );
    }
    const names = candidateNames.filter((name) => newest.predicted.has(name));
    return {
      horizonDays,
      cutoffs: cuts.map((cut) => ({
        cutoff: cut.cutoff,
        customers: cut.outcome.length,
        positives: cut.outcome.reduce((sum, value) => sum + value, 0),
        chosen: cut.chosen,
        models: Object.fromEntries(
          [...cut.predicted].map(([name, predicted]) => [name, metricsOf(predicted, cut.outcome)]),
        ),
      })),
      models: pooled(cuts, names),
      chosen: newest.chosen,
    };
  });
}

export interface LifetimeValueEvaluation {
  readonly horizonDays: number;
  readonly cutoffs: readonly (JudgedRevenue & { readonly chosen: string })[];
  /** At the last cut-off. */
  readonly models: Readonly<Record<string, Metrics>>;
  readonly chosen: string;
  readonly parameters: Readonly<Record<string, number>>;
  readonly logLikelihood: number;
}

/** Two log-likelihoods that differ by less are one: with four parameters each, AIC differs by twice that (Burnham & Anderson 2002). */
const SAME_LOG_LIKELIHOOD = 1;

function fitAll(snapshot: Snapshot): Map<string, PurchaseModel> {
  const data = historiesOf(snapshot);
  return new Map(
    purchaseModels.flatMap(({ model, fit: learn }) => {
      const fitted = fitOrNothing(() => learn(data));
      return fitted ? [[model, fitted] as const] : [];
    }),
  );
}

/** Of models with the same number of parameters the likeliest; the simplest of those that are as good. */
function choose(models: ReadonlyMap<string, PurchaseModel>): PurchaseModel | undefined {
  const best = Math.max(...[...models.values()].map((model) => model.diagnostics.logLikelihood));
  return [...models.values()].find((model) => model.diagnostics.logLikelihood >= best - SAME_LOG_LIKELIHOOD);
}

/** Judges the revenue forecasts at several cut-offs. @throws SCORING_NO_DATA, VALIDATION */
export async function evaluateLifetimeValue(
  mlPool: pg.Pool,
  options: EvaluateOptions,
): Promise<LifetimeValueEvaluation> {
  return reading(mlPool, async (client) => {
    const last = await lastCutoff(client, options);
    const history = new History(client);
    const cuts: (JudgedRevenue & { chosen: string })[] = [];
    let chosen: PurchaseModel | undefined;
    for (let back = options.cutoffs - 1; back >= 0; back--) {
      const cutoff = daysBefore(last, back * options.horizonDays);
      const judged = await judgeLifetimeValue(history, cutoff, options.horizonDays, (snapshot) => {
        const models = fitAll(snapshot);
        chosen = choose(models);
        return models;
      });
      if (chosen && Object.keys(judged.models).length > 1) cuts.push({ ...judged, chosen: chosen.model });
    }
    const newest = cuts.at(-1);
    if (!newest || !chosen) {
      throw new AppError(
        'SCORING_NO_DATA',
        `too few customers bought twice before ${last.toISOString()} to fit a model`,
        {
          hint: 'Import more history, or choose a later cut-off.',
        },
      );
    }
    return {
      horizonDays: options.horizonDays,
      cutoffs: cuts,
      models: newest.models,
      chosen: chosen.model,
      parameters: chosen.parameters,
      logLikelihood: chosen.diagnostics.logLikelihood,
    };
  });
}
