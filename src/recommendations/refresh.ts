import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import { servedCandidates } from '../models/recommender/served-candidates.ts';
import { type FitOptions, type Fitted, fitChosen, readChoice } from './fit.ts';
import { type ChampionRun, publishRefresh, readChampion } from './publish.ts';
import * as queries from './queries.ts';
import { readFitMaterial } from './shop-data.ts';

/**
 * Why nothing was published: `untrained`: no version, or one whose choices this program cannot read; `no_news`: nothing came since;
 * `busy`: another refresh is at work; `overtaken`: what was refreshed is not served any more.
 */
export type NotRefreshed = 'untrained' | 'no_news' | 'busy' | 'overtaken';

export interface RefreshOptions extends Omit<FitOptions, 'asOf'> {
  /** Events at or after this moment are not used. Now unless given, and no earlier than what is served: a scoring trains to the end of its day. */
  readonly asOf?: Date | undefined;
  readonly now: Date;
}

export type RefreshedRecommendations =
  | { readonly refreshed: false; readonly because: NotRefreshed }
  | (Fitted['size'] & {
      readonly refreshed: true;
      readonly modelRunId: number;
      readonly asOf: Date;
      /** The training whose choices it follows. */
      readonly refreshedFrom: number;
      readonly seconds: number;
    });

async function hasNews(client: pg.ClientBase, { newest, servedAsOf }: ChampionRun, asOf: Date) {
  if (asOf < servedAsOf) return false;
  const known = [newest?.event ?? 0, newest?.product ?? 0, servedAsOf, asOf];
  return (await client.query<{ news: boolean }>(queries.HAS_NEWS, known)).rows[0]!.news;
}

async function refresh(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  options: RefreshOptions,
): Promise<RefreshedRecommendations> {
  const began = performance.now();
  const training = await readChampion(appPool);
  const choice =
    training && readChoice(training.algorithm, training.parameters, servedCandidates(options.algebra));
  if (!choice) return { refreshed: false, because: 'untrained' };
  const { servedAsOf } = training;
  const asOf = options.asOf ?? new Date(Math.max(options.now.getTime(), servedAsOf.getTime()));
  const material = await inSnapshot(mlPool, async (client) =>
    (await hasNews(client, training, asOf)) ? readFitMaterial(client, asOf, options.onStep) : undefined,
  );
  if (!material) return { refreshed: false, because: 'no_news' };
  const fitted = await fitChosen(material, choice, { ...options, asOf });
  options.onStep?.('publishing');
  const modelRunId = await publishRefresh(appPool, {
    ...fitted,
    durationSeconds: (performance.now() - began) / 1000,
    refreshedFrom: training.modelRunId,
  });
  if (modelRunId === undefined) return { refreshed: false, because: 'overtaken' };
  const seconds = (performance.now() - began) / 1000;
  return { refreshed: true, modelRunId, asOf, refreshedFrom: training.modelRunId, ...fitted.size, seconds };
}

/**
 * Fits what the last training chose on what is known by now, without choosing anew: products and pairs that came since find their place
 * in a small part of the time. Published as a version of its own and served at once, in one transaction; where a training was promoted
 * meanwhile, nothing is. Reads as ml_user, publishes as app_user.
 */
export async function refreshRecommendations(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  options: RefreshOptions,
): Promise<RefreshedRecommendations> {
  try {
    // A lock of the session: it goes with a process that dies, and no transaction stays open while weights are fitted.
    const keeper = await appPool.connect();
    // Without a listener the end of this connection would be the end of the process.
    const ignore = (): void => undefined;
    keeper.on('error', ignore);
    try {
      const { locked } = (await keeper.query(queries.TRY_REFRESH_LOCK)).rows[0];
      return locked ? await refresh(mlPool, appPool, options) : { refreshed: false, because: 'busy' };
    } finally {
      // Where the server has ended the connection, the lock has ended with it.
      const lost: Error | undefined = await keeper.query(queries.REFRESH_UNLOCK).then(
        () => undefined,
        (error: Error) => error,
      );
      keeper.off('error', ignore);
      keeper.release(lost);
    }
  } catch (error) {
    throw databaseError(error);
  }
}
