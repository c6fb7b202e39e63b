import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import type { TotalRevenue } from '../models/total-revenue.ts';
import { type Applied, missingInRows, readAndApply, STEPS } from './apply.ts';
import { publishScores, type ScoringRun } from './publish.ts';
import * as queries from './queries.ts';
import type { RegisteredModel } from './registry.ts';
import { scoreRows } from './score-rows.ts';
import type { Missing } from './status.ts';
import { settingsOf, type TrainingOptions } from './train.ts';
import { type ModelKind, modelKinds } from './trained-model.ts';

export type ScoreOptions = TrainingOptions;

/** One kind of score: by which model, or what is missing. */
interface ScorePart {
  readonly missing: readonly Missing[];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly evaluation: Readonly<Record<string, unknown>>;
}

export interface ScoreSummary {
  modelRunId: number;
  asOf: Date;
  customers: number;
  /** Of whom the models were asked anew; the rows of the others are as a scoring of everybody would leave them. */
  scored: number;
  /** Who only looked so far, and got a probability to buy for the first time. */
  visitors: number;
  latestPurchase: Date;
  /** Predicted revenue of all customers within the horizon of LTV; `undefined` where that cannot be said. */
  revenue: TotalRevenue | undefined;
  /** Kinds whose models were missing or had become too old, and were trained first. */
  trained: readonly ModelKind[];
  ltv: ScorePart;
  purchase: ScorePart;
  churn: ScorePart;
  firstPurchase: ScorePart;
}

function partOf(registered: RegisteredModel<unknown> | undefined, missing: readonly Missing[]): ScorePart {
  if (!registered) return { missing, parameters: {}, evaluation: { missing } };
  return { missing, parameters: registered.parameters, evaluation: registered.evaluation };
}

type Parts = Record<'ltv' | 'purchase' | 'churn' | 'firstPurchase', ScorePart>;

function partsOf({ models, missing }: Applied): Parts {
  return {
    ltv: partOf(models.ltv, missing.ltv),
    purchase: partOf(models.purchase, missing.purchase),
    churn: partOf(models.churn, missing.churn),
    firstPurchase: partOf(models.first_purchase, missing.first_purchase),
  };
}

function runOf(applied: Applied, parts: Parts, options: ScoreOptions): ScoringRun {
  const { models, figures, segmentation, missing } = applied;
  const { said, drift, revenue } = figures;
  const each = (of: 'parameters' | 'evaluation') =>
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part[of]]));
  return {
    asOf: options.asOf,
    codeVersion: options.codeVersion,
    trainings: applied.trainings.flatMap(({ run }) => run ?? []),
    segments: segmentation.segments,
    customers: figures.buyers,
    parameters: (recorded) => ({
      ...each('parameters'),
      models: Object.fromEntries(
        modelKinds.flatMap((kind) => {
          const model = models[kind];
          return model ? [[kind, model.modelRunId ?? recorded.get(kind)]] : [];
        }),
      ),
      bgNbd: models.ltv?.model.purchases.toJSON() ?? null,
      grounds: {
        settings: settingsOf(options),
        segmentation: segmentation.modelRunId,
        missing: missingInRows(missing),
      },
    }),
    evaluation: { ...each('evaluation'), said, drift, revenue: revenue ?? null },
    last: applied.last,
    changed: applied.changed,
    moved: applied.moved,
  };
}

/**
 * Scores every customer who bought before `asOf` by the promoted models, training first those that are missing or too old: reads as ml_user,
 * publishes as app_user in one transaction. The same data, models and moment give the same rows to the bit. Where all but the data are those of
 * the last scoring, only customers whose days changed since are asked about; the rows of the others follow.
 * @throws SCORING_NO_DATA, SCORING_BUSY, and what the database raises
 */
export async function score(mlPool: pg.Pool, appPool: pg.Pool, options: ScoreOptions): Promise<ScoreSummary> {
  try {
    await appPool.query(queries.REFRESH_USER_DAYS);
    const applied = await inSnapshot(mlPool, (client) => readAndApply(client, options));
    const { scores, standings, figures, latestPurchase } = applied;
    const parts = partsOf(applied);
    const run = runOf(applied, parts, options);
    const modelRunId = await publishScores(appPool, run, scoreRows(scores, standings));
    options.onProgress?.(STEPS, STEPS);
    return {
      modelRunId,
      asOf: options.asOf,
      customers: figures.buyers,
      scored: scores.snapshot.size + standings.visitors.userId.length,
      visitors: figures.visitors,
      latestPurchase,
      revenue: figures.revenue,
      trained: run.trainings.map(({ kind }) => kind),
      ...parts,
    };
  } catch (error) {
    throw databaseError(error);
  }
}
