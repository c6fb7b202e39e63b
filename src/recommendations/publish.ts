import type pg from 'pg';
import { copyInto } from '../database/copy-stream.ts';
import type { CopyValue } from '../database/copy-text.ts';
import { databaseError } from '../database/database-error.ts';
import { inTransaction } from '../database/pool.ts';
import type { PublishedRecommender } from './published.ts';
import * as queries from './queries.ts';
import { neighbourRows, popularityRows, popularRows } from './version-rows.ts';

/** The training whose weights are served until now, as it published them or refreshed since. */
export interface ChampionRun {
  readonly modelRunId: number;
  readonly asOf: Date;
  readonly algorithm: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, unknown>>;
  /** Of what is served: the end of its data, and the newest ids that it knew. */
  readonly servedAsOf: Date;
  readonly newest: { readonly event: number; readonly product: number } | null;
}

/** Whether the new version is promoted, and what that rests on; stored with it. */
export interface Contest {
  readonly promoted: boolean;
  readonly against: number | null;
  readonly [figure: string]: unknown;
}

/** Judges a training against the champion, which can be asked by its run (option `model_run_id` of get_recommendations). */
export type ContestRule = (
  challenger: PublishedRecommender,
  champion: ChampionRun | undefined,
) => Contest | Promise<Contest>;

/** What trained on nothing replaces nothing; everything else goes first, as the one that knows more of the present. */
const newestGoesFirst: ContestRule = (challenger, champion) => ({
  promoted: champion === undefined || challenger.demand.length > 0,
  against: champion?.modelRunId ?? null,
});

export async function readChampion(database: pg.Pool | pg.ClientBase): Promise<ChampionRun | undefined> {
  const row = (await database.query(queries.CHAMPION)).rows[0];
  return (
    row && {
      modelRunId: row.model_run_id,
      asOf: row.as_of,
      algorithm: row.algorithm,
      parameters: row.parameters,
      metrics: row.evaluation,
      servedAsOf: row.served_as_of,
      newest: row.newest,
    }
  );
}

function* ofRun(modelRunId: number, rows: Iterable<CopyValue[]>): Generator<CopyValue[]> {
  for (const row of rows) yield [modelRunId, ...row];
}

async function recordRun(
  client: pg.ClientBase,
  published: PublishedRecommender,
  contest: Contest,
): Promise<number> {
  const { asOf, codeVersion, parameters, metrics, algorithm, customers, durationSeconds, reading } =
    published;
  const { rows } = await client.query(queries.RECORD_TRAINING, [
    asOf,
    codeVersion,
    JSON.stringify({ ...parameters, contest }),
    JSON.stringify(metrics),
    algorithm,
    customers,
    durationSeconds,
  ]);
  const modelRunId: number = rows[0].model_run_id;
  await client.query(queries.INSERT_RECOMMENDER, [
    modelRunId,
    reading.viewWeight,
    reading.cartWeight,
    reading.purchaseWeight,
    reading.halfLifeDays,
    reading.historyEvents,
    reading.historyProducts,
    reading.repeatWeight,
    reading.dueAfter,
    reading.popularityWeight,
    reading.repeatPower,
    reading.repeatSharePower,
    reading.repeatHalfLifeDays,
    reading.habitPurchases,
    reading.buyAgainShare,
    published.refreshedFrom ?? null,
  ]);
  return modelRunId;
}

/** Writes a version that nobody is served yet. @returns its run */
export async function writeVersion(
  client: pg.ClientBase,
  published: PublishedRecommender,
  contest: Contest,
): Promise<number> {
  const modelRunId = await recordRun(client, published, contest);
  await copyInto(client, queries.COPY_NEIGHBOURS, ofRun(modelRunId, neighbourRows(published)));
  await copyInto(client, queries.COPY_POPULARITY, ofRun(modelRunId, popularityRows(published.demand)));
  await copyInto(client, queries.COPY_POPULAR_PRODUCTS, ofRun(modelRunId, popularRows(published.demand)));
  return modelRunId;
}

/**
 * Writes one version in one transaction, promotes it where the contest says so, and deletes versions older than the last few. Readers see
 * the version before or this one, whole.
 * @param appPool logs in as app_user
 * @throws MODEL_BAD_INPUT for weights that are no numbers
 */
export async function publishRecommender(
  appPool: pg.Pool,
  published: PublishedRecommender,
  rule: ContestRule = newestGoesFirst,
): Promise<{ modelRunId: number; contest: Contest }> {
  try {
    const champion = await readChampion(appPool);
    const judged = await rule(published, champion);
    return await inTransaction(appPool, async (client) => {
      await client.query(queries.LOCK);
      // Whoever was promoted while this one was judged has not been met: it stays.
      const overtaken = (await readChampion(client))?.modelRunId !== champion?.modelRunId;
      const contest = overtaken ? { ...judged, promoted: false, overtaken } : judged;
      const modelRunId = await writeVersion(client, published, contest);
      if (contest.promoted) await client.query(queries.PROMOTE_MODEL, [modelRunId]);
      await client.query(queries.PRUNE_RECOMMENDERS);
      return { modelRunId, contest };
    });
  } catch (error) {
    throw databaseError(error);
  }
}

/**
 * Writes and promotes a version that was refreshed, in one transaction.
 * @returns undefined where its training is served no more, or is served by later data: then nothing is written
 */
export function publishRefresh(
  appPool: pg.Pool,
  published: PublishedRecommender & { readonly refreshedFrom: number },
): Promise<number | undefined> {
  return inTransaction(appPool, async (client) => {
    await client.query(queries.LOCK);
    const champion = await readChampion(client);
    if (champion?.modelRunId !== published.refreshedFrom || champion.servedAsOf > published.asOf)
      return undefined;
    const contest = { promoted: true, against: champion.modelRunId, refreshedFrom: champion.modelRunId };
    const modelRunId = await writeVersion(client, published, contest);
    await client.query(queries.PROMOTE_MODEL, [modelRunId]);
    await client.query(queries.PRUNE_RECOMMENDERS);
    return modelRunId;
  });
}
