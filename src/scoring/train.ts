import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot, inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import { type Champion, contestLifetimeValue, contestProbability } from './contest.ts';
import type { PopulationName, Question } from './cut.ts';
import { type History, trainingHistory } from './history.ts';
import * as queries from './queries.ts';
import {
  type Champions,
  type RegisteredModel,
  readChampions,
  recordTraining,
  type TrainingRun,
} from './registry.ts';
import type { Missing } from './status.ts';
import { type LifetimeValueOptions, trainLifetimeValue } from './train-lifetime-value.ts';
import { trainProbability } from './train-probability.ts';
import { type ModelKind, modelKinds } from './trained-model.ts';

export interface TrainingOptions {
  /** Events at or after this moment are not used. */
  asOf: Date;
  codeVersion: string;
  purchaseHorizonDays: number;
  churnHorizonDays: number;
  ltvHorizonDays: number;
  ltvDiscountHorizonDays: number;
  /** A year: 0.1 for 10 %. */
  ltvDiscountRate: number;
  ltvMinBuyers: number;
  ltvMinHistoryDays: number;
  minOutcomes: number;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What came of the training of one kind. */
export interface TrainingResult {
  readonly kind: ModelKind;
  readonly missing: readonly Missing[];
  readonly run: TrainingRun | undefined;
}

/** What a model of each kind is asked for: stored with it, since a model trained for something else answers something else. */
export function settingsOf(options: TrainingOptions) {
  const { purchaseHorizonDays, churnHorizonDays, minOutcomes } = options;
  const question = (population: PopulationName, horizonDays: number): Question => ({
    population,
    horizonDays,
    minOutcomes,
  });
  return {
    purchase: question('buyers', purchaseHorizonDays),
    churn: question('buyers', churnHorizonDays),
    first_purchase: question('visitors', purchaseHorizonDays),
    ltv: {
      horizonDays: options.ltvHorizonDays,
      discountHorizonDays: options.ltvDiscountHorizonDays,
      discountRate: options.ltvDiscountRate,
      backtestDays: churnHorizonDays,
      minBuyers: options.ltvMinBuyers,
      minHistoryDays: options.ltvMinHistoryDays,
    },
  } satisfies Record<ModelKind, Question | LifetimeValueOptions>;
}

function asChampion<Model>(model: RegisteredModel<Model> | undefined): Champion<Model> | undefined {
  return model?.modelRunId === undefined
    ? undefined
    : { modelRunId: model.modelRunId, asOf: model.asOf, model: model.model };
}

async function trainKind(
  history: History,
  kind: ModelKind,
  champions: Champions,
  options: TrainingOptions,
): Promise<TrainingResult> {
  const began = performance.now();
  const { asOf } = options;
  const durationSeconds = (): number => (performance.now() - began) / 1000;
  const settings = settingsOf(options);
  if (kind === 'ltv') {
    const { missing, trained } = await trainLifetimeValue(history, asOf, settings.ltv);
    if (!trained) return { kind, missing, run: undefined };
    const contest = await contestLifetimeValue(history, asOf, settings.ltv, asChampion(champions.ltv));
    return { kind, missing, run: { kind, trained, contest, durationSeconds: durationSeconds() } };
  }
  const { missing, trained } = await trainProbability(history, asOf, settings[kind]);
  if (!trained) return { kind, missing, run: undefined };
  const contest = await contestProbability(history, asOf, settings[kind], asChampion(champions[kind]));
  return { kind, missing, run: { kind, trained, contest, durationSeconds: durationSeconds() } };
}

/** Trains the kinds on one snapshot of the database and lets each meet its champion; writes nothing. */
export async function trainModels(
  client: pg.ClientBase,
  kinds: readonly ModelKind[],
  champions: Champions,
  options: TrainingOptions,
): Promise<TrainingResult[]> {
  const history = await trainingHistory(client);
  const results: TrainingResult[] = [];
  for (const kind of kinds) {
    results.push(await trainKind(history, kind, champions, options));
    options.onProgress?.(results.length, kinds.length);
  }
  return results;
}

export interface TrainSummary {
  readonly kind: ModelKind;
  readonly missing: readonly Missing[];
  /** `undefined` where something is missing. */
  readonly modelRunId: number | undefined;
  readonly algorithm: string | undefined;
  readonly promoted: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly evaluation: Readonly<Record<string, unknown>>;
  readonly durationSeconds: number;
}

/**
 * Fits, calibrates, evaluates and promotes a model of every kind as of a moment: reads as ml_user, records as app_user.
 * @throws SCORING_NO_DATA where nobody bought anything before, and what the database raises
 */
export async function train(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  options: TrainingOptions,
): Promise<TrainSummary[]> {
  try {
    await appPool.query(queries.REFRESH_USER_DAYS);
    const results = await inSnapshot(mlPool, async (client) => {
      await checkPurchases(client, options.asOf);
      return trainModels(client, modelKinds, await readChampions(client, options.asOf), options);
    });
    return await inTransaction(appPool, async (client) => {
      const summaries: TrainSummary[] = [];
      for (const { kind, missing, run } of results) {
        const modelRunId = run && (await recordTraining(client, options.codeVersion, run));
        summaries.push({
          kind,
          missing,
          modelRunId,
          algorithm: run?.trained.algorithm,
          promoted: run?.contest.promoted ?? false,
          parameters: run ? { ...run.trained.parameters, contest: run.contest } : {},
          evaluation: run?.trained.evaluation ?? {},
          durationSeconds: run?.durationSeconds ?? 0,
        });
      }
      return summaries;
    });
  } catch (error) {
    throw databaseError(error);
  }
}

/** The moment of the latest purchase before `asOf`. @throws SCORING_NO_DATA where there is none */
export async function checkPurchases(client: pg.ClientBase, asOf: Date): Promise<Date> {
  const latest: Date | null = (await client.query(queries.LATEST_PURCHASE, [asOf])).rows[0].moment;
  if (latest) return latest;
  throw new AppError('SCORING_NO_DATA', `nobody bought anything before ${asOf.toISOString()}`, {
    hint: 'Import purchases first, or give a later --as-of.',
  });
}
