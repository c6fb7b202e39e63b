import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import type { TotalRevenue } from '../models/total-revenue.ts';
import { applicationOf } from './apply.ts';
import { snapshotOf } from './features.ts';
import { type ModelsInUse, missingInRows } from './models-in-use.ts';
import { type Prepared, prepare } from './prepare.ts';
import { publishScores, type ScoredPortion, type ScoringRun } from './publish.ts';
import * as queries from './queries.ts';
import type { RegisteredModel } from './registry.ts';
import { buyersStandings, scoreRows, visitorsStandings } from './score-rows.ts';
import { segmentPlaces } from './segment-places.ts';
import { type ShopFigures, shopFigures } from './shop-figures.ts';
import { joinStandings, mergeStandings, type Standings } from './standings.ts';
import type { Missing } from './status.ts';
import { settingsOf, type TrainingOptions } from './train.ts';
import { type ModelKind, modelKinds } from './trained-model.ts';
import { portionsOf } from './view.ts';

/** Reading, training, applying, publishing. */
const STEPS = 4;

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

function partsOf({ models, missing }: ModelsInUse): Parts {
  return {
    ltv: partOf(models.ltv, missing.ltv),
    purchase: partOf(models.purchase, missing.purchase),
    churn: partOf(models.churn, missing.churn),
    firstPurchase: partOf(models.first_purchase, missing.first_purchase),
  };
}

function each(parts: Parts, of: 'parameters' | 'evaluation'): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part[of]]));
}

/** What is known of the run before its rows. */
function runOf({ inUse, segmentation, last, view }: Prepared, parts: Parts, options: ScoreOptions) {
  const { models, missing, trainings } = inUse;
  return {
    asOf: options.asOf,
    codeVersion: options.codeVersion,
    trainings: trainings.flatMap(({ run }) => run ?? []),
    segments: segmentation.segments,
    parameters: (recorded) => ({
      ...each(parts, 'parameters'),
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
    last,
    changed: view.changed,
  } satisfies Partial<ScoringRun>;
}

/** Portion by portion what the models say; what stands in the rows is added to `standings`. */
function* scorePortions(
  { view, inUse }: Prepared,
  segmentId: Float64Array,
  standings: Standings[],
  options: ScoreOptions,
): Generator<ScoredPortion> {
  const scoresOf = applicationOf(inUse, options);
  for (const { populations, buyersFrom, upTo } of portionsOf(view.populations)) {
    const scores = scoresOf(populations);
    const buyers = buyersStandings(
      scores,
      segmentId.subarray(buyersFrom, buyersFrom + populations.buyers.size),
    );
    const visitors = visitorsStandings(scores);
    standings.push(mergeStandings(buyers, visitors));
    yield { rows: [...scoreRows(scores, { buyers, visitors })], upTo };
  }
}

async function applyAndPublish(
  client: pg.ClientBase,
  appPool: pg.Pool,
  prepared: Prepared,
  options: ScoreOptions,
): Promise<ScoreSummary> {
  const { view, inUse, segmentation, latestPurchase } = prepared;
  const parts = partsOf(inUse);
  const run = runOf(prepared, parts, options);
  const { segmentId, moved } = segmentPlaces(
    snapshotOf(view.populations.buyers),
    view.untouched,
    segmentation,
  );
  const standings: Standings[] = [];
  let figures!: ShopFigures;
  const findings = async () => {
    options.onProgress?.(STEPS - 1, STEPS);
    const all = mergeStandings(joinStandings(standings), view.untouched);
    const everybody = view.changed ? undefined : view.populations;
    figures = await shopFigures(client, all, inUse.models, options, everybody);
    const { buyers, said, drift, revenue } = figures;
    return {
      customers: buyers,
      evaluation: { ...each(parts, 'evaluation'), said, drift, revenue: revenue ?? null },
    };
  };
  const portions = scorePortions(prepared, segmentId, standings, options);
  const modelRunId = await publishScores(appPool, { ...run, moved, portions, findings });
  options.onProgress?.(STEPS, STEPS);
  const { buyers, visitors, revenue } = figures;
  return {
    modelRunId,
    asOf: options.asOf,
    customers: buyers,
    scored: standings.reduce((sum, { userId }) => sum + userId.length, 0),
    visitors,
    latestPurchase,
    revenue,
    trained: run.trainings.map(({ kind }) => kind),
    ...parts,
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
    return await inSnapshot(mlPool, async (client) => {
      let step = 0;
      const prepared = await prepare(client, options, () => options.onProgress?.(++step, STEPS));
      return applyAndPublish(client, appPool, prepared, options);
    });
  } catch (error) {
    throw databaseError(error);
  }
}
