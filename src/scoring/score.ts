import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import type { PurchaseModel } from '../models/purchase-model.ts';
import type { TotalRevenue } from '../models/total-revenue.ts';
import { type Populations, readPopulations, snapshotOf } from './features.ts';
import { driftOf, saidOf } from './monitoring.ts';
import type { ProbabilityModel } from './probability-model.ts';
import { publishScores } from './publish.ts';
import { DAYS_PER_WEEK } from './purchase-model.ts';
import * as queries from './queries.ts';
import { type Champions, type ModelOfKind, type RegisteredModel, readChampions } from './registry.ts';
import { revenueOutlook, revenueTotal } from './revenue-outlook.ts';
import { type Answers, type Scores, scoreRows } from './score-rows.ts';
import { promotedSegmentation, type Segmentation } from './segmentation.ts';
import { daysBefore, type Snapshot } from './snapshot.ts';
import type { Missing } from './status.ts';
import {
  checkPurchases,
  settingsOf,
  type TrainingOptions,
  type TrainingResult,
  trainModels,
} from './train.ts';
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

/** Customers came to light that a model did not know of, or went: beyond this share it was trained on another shop. */
const MAX_CHANGE_OF_PAST = 0.1;

/** Reading, training, applying, publishing. */
const STEPS = 4;

/** How many customers there were at a moment before the snapshot's, as far as is known now. */
function customersAt(snapshot: Snapshot, moment: Date): number {
  const age = Math.round((snapshot.moment.getTime() - moment.getTime()) / 86_400_000);
  return snapshot.tDays.reduce((count, days) => count + (days >= age ? 1 : 0), 0);
}

/**
 * Champions that still speak of this shop: trained for these settings, on a past that looks as it does now. An import of history, say, makes
 * it another shop.
 */
function valid(champions: Champions, snapshot: Snapshot, options: ScoreOptions): Champions {
  const settings = settingsOf(options);
  const kept = modelKinds.filter((kind) => {
    const champion = champions[kind];
    if (!champion || !isDeepStrictEqual(champion.parameters['settings'], settings[kind])) return false;
    // Visitors grow fewer as they buy: their number says nothing of the past.
    if (kind === 'first_purchase') return true;
    const change = Math.abs(customersAt(snapshot, champion.asOf) - champion.customers);
    return change <= MAX_CHANGE_OF_PAST * champion.customers;
  });
  return Object.fromEntries(kept.map((kind) => [kind, champions[kind]]));
}

/** Kinds without a model, and those whose last training is longer ago than a purchase horizon. */
function kindsToTrain(champions: Champions, { asOf, purchaseHorizonDays }: ScoreOptions): ModelKind[] {
  const oldest = daysBefore(asOf, purchaseHorizonDays);
  return modelKinds.filter((kind) => !champions[kind] || champions[kind].lastTrained < oldest);
}

/** The champions, where a training took their place its model; none where the data do not carry one any more. */
function inUse(champions: Champions, results: readonly TrainingResult[]): Champions {
  const models: Record<string, RegisteredModel<ModelOfKind[ModelKind]> | undefined> = { ...champions };
  for (const { kind, run } of results) {
    if (!run) models[kind] = undefined;
    else if (run.contest.promoted) {
      const { contest, trained } = run;
      const parameters = { ...trained.parameters, contest };
      models[kind] = { ...trained, parameters, lastTrained: trained.asOf, modelRunId: undefined };
    }
  }
  return models as Champions;
}

function answer(
  registered: RegisteredModel<ProbabilityModel> | undefined,
  populations: Populations,
  missing: readonly Missing[],
): Answers {
  if (!registered) {
    return { missing, probabilities: new Float64Array(0), sight: undefined, strongest: undefined };
  }
  const { candidate, sightOf } = registered.model;
  const sight = sightOf(populations);
  const withReasons = candidate.predictWithReasons?.(sight);
  return {
    missing: [],
    probabilities: withReasons?.probabilities ?? candidate.predict(sight),
    sight,
    strongest: withReasons?.strongest,
  };
}

function probabilitiesAlive(
  purchases: PurchaseModel | undefined,
  { size, frequency, recencyDays, tDays }: Snapshot,
): Float64Array | undefined {
  if (!purchases) return undefined;
  return Float64Array.from({ length: size }, (_, i) =>
    purchases.probabilityAlive(frequency[i]!, recencyDays[i]! / DAYS_PER_WEEK, tDays[i]! / DAYS_PER_WEEK),
  );
}

interface Found {
  readonly scores: Scores;
  readonly segmentation: Segmentation;
  readonly latestPurchase: Date;
  readonly models: Champions;
  readonly trainings: readonly TrainingResult[];
}

/** Everything up to publication, on one snapshot of the database, as ml_user. */
async function readAndApply(client: pg.ClientBase, options: ScoreOptions): Promise<Found> {
  let step = 0;
  const advance = (): void => options.onProgress?.(++step, STEPS);
  const latestPurchase = await checkPurchases(client, options.asOf);
  const populations = await readPopulations(client, options.asOf);
  const snapshot = snapshotOf(populations.buyers);
  advance();
  const champions = valid(await readChampions(client, options.asOf), snapshot, options);
  const kinds = kindsToTrain(champions, options);
  const trainings =
    kinds.length > 0
      ? await trainModels(client, kinds, champions, { ...options, onProgress: undefined })
      : [];
  advance();
  const models = inUse(champions, trainings);
  const missingOf = (kind: ModelKind): readonly Missing[] =>
    models[kind] ? [] : (trainings.find((result) => result.kind === kind)?.missing ?? []);
  const segmentation = await promotedSegmentation(client, options.asOf);
  const scores: Scores = {
    snapshot,
    segmentIds: segmentation.assign(snapshot),
    alive: probabilitiesAlive(models.ltv?.model.purchases ?? models.purchase?.model.purchaseModel, snapshot),
    ltv: {
      missing: missingOf('ltv'),
      forecast: models.ltv && {
        ...models.ltv.model.forecast(snapshot, options.ltvHorizonDays),
        ...revenueOutlook(models.ltv.model, snapshot, settingsOf(options).ltv),
      },
    },
    purchase: answer(models.purchase, populations, missingOf('purchase')),
    churn: answer(models.churn, populations, missingOf('churn')),
    firstPurchase: answer(models.first_purchase, populations, missingOf('first_purchase')),
  };
  advance();
  return { scores, segmentation, latestPurchase, models, trainings };
}

function partOf(registered: RegisteredModel<unknown> | undefined, missing: readonly Missing[]): ScorePart {
  if (!registered) return { missing, parameters: {}, evaluation: { missing } };
  return { missing, parameters: registered.parameters, evaluation: registered.evaluation };
}

/** What all customers together were told, and how far they are from those of the training, by kind of model. */
function monitor({ scores, models }: Found): Record<'said' | 'drift', Record<string, unknown>> {
  const said: Record<string, unknown> = {};
  const drift: Record<string, unknown> = {};
  const answers = { purchase: scores.purchase, churn: scores.churn, first_purchase: scores.firstPurchase };
  for (const kind of ['purchase', 'churn', 'first_purchase'] as const) {
    const { sight, probabilities } = answers[kind];
    const model = models[kind]?.model;
    if (!sight || !model) continue;
    said[kind] = saidOf(model.horizonDays, probabilities);
    drift[kind] = driftOf(model, sight, probabilities);
  }
  return { said, drift };
}

/**
 * Scores every customer who bought before `asOf` by the promoted models, training first those that are missing or too old: reads as ml_user,
 * publishes as app_user in one transaction. The same data, models and moment give the same rows to the bit.
 * @throws SCORING_NO_DATA, SCORING_BUSY, and what the database raises
 */
export async function score(mlPool: pg.Pool, appPool: pg.Pool, options: ScoreOptions): Promise<ScoreSummary> {
  try {
    await appPool.query(queries.REFRESH_USER_DAYS);
    const found = await inSnapshot(mlPool, (client) => readAndApply(client, options));
    const { scores, models, trainings, segmentation, latestPurchase } = found;
    const { asOf, codeVersion } = options;
    const runs = trainings.flatMap(({ run }) => run ?? []);
    const parts = {
      ltv: partOf(models.ltv, scores.ltv.missing),
      purchase: partOf(models.purchase, scores.purchase.missing),
      churn: partOf(models.churn, scores.churn.missing),
      firstPurchase: partOf(models.first_purchase, scores.firstPurchase.missing),
    };
    const evaluations = Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [name, part.evaluation]),
    );
    const { forecast } = scores.ltv;
    const revenue =
      models.ltv &&
      forecast &&
      revenueTotal(models.ltv.model, scores.snapshot, forecast, options.ltvHorizonDays);
    const run = {
      asOf,
      codeVersion,
      trainings: runs,
      segments: segmentation.segments,
      customers: scores.snapshot.size,
      parameters: (recorded: ReadonlyMap<ModelKind, number>) => ({
        ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.parameters])),
        models: Object.fromEntries(
          modelKinds.flatMap((kind) => {
            const model = models[kind];
            return model ? [[kind, model.modelRunId ?? recorded.get(kind)]] : [];
          }),
        ),
        bgNbd: models.ltv?.model.purchases.toJSON() ?? null,
      }),
      evaluation: { ...evaluations, ...monitor(found), revenue: revenue ?? null },
    };
    const modelRunId = await publishScores(appPool, run, scoreRows(scores));
    options.onProgress?.(STEPS, STEPS);
    return {
      modelRunId,
      asOf,
      customers: scores.snapshot.size,
      visitors: scores.firstPurchase.probabilities.length,
      latestPurchase,
      revenue,
      trained: runs.map(({ kind }) => kind),
      ...parts,
    };
  } catch (error) {
    throw databaseError(error);
  }
}
