import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import { chooseServed } from '../models/recommender/choose-served.ts';
import { sampleCustomers } from '../models/recommender/log-sample.ts';
import { countDemand } from '../models/recommender/product-demand.ts';
import { servedCandidates } from '../models/recommender/served-candidates.ts';
import type { ShopLog } from '../models/recommender/shop-log.ts';
import { notWorseInWindow } from './contest.ts';
import { type Choice, FALLBACK, type FitOptions, type Fitted, fitChosen, LIMITS } from './fit.ts';
import { type Contest, publishRecommender } from './publish.ts';
import * as queries from './queries.ts';
import { type FitMaterial, readFitMaterial, type ShopData } from './shop-data.ts';

export type TrainedRecommendations = Fitted['size'] & {
  readonly modelRunId: number;
  readonly contest: Contest;
};

const MS_PER_DAY = 86_400_000;
/** What is held out to choose by, twice; of a younger shop a fifth of its days. */
const WINDOW_DAYS = 30;
const WINDOW_SHARE = 0.2;
const LIST_LENGTH = 10;
/** Of more events a sample of the customers chooses: what is searched is fitted some twenty times, what is chosen once, on all. */
const MAX_CHOOSING_EVENTS = 2_000_000;

/** All that is read before anything is computed. */
export interface TrainingMaterial extends FitMaterial {
  /** What happened to the customers who choose. */
  readonly choosing: ShopLog;
  /** As the shop set it; null: the tuning decides. */
  readonly buyAgainShare: number | null;
  /** Starts of the windows that choose: models are judged on what happened from the first to `asOf`, and from the next to the first. */
  readonly starts: readonly [Date, ...Date[]];
}

/** Where the windows that choose begin, the latest first, which ends at `asOf`; each ends where the one before it in the list begins. */
function windowStarts({ log }: ShopData, asOf: Date): [Date, ...Date[]] {
  const first = log.days.reduce((least, day) => Math.min(least, day), Number.POSITIVE_INFINITY);
  const last = log.days.reduce((most, day) => Math.max(most, day), Number.NEGATIVE_INFINITY);
  if (!(last >= first)) return [asOf];
  // Of a shop that is quiet for weeks, the end of what happened: an empty window would choose nothing.
  const end = Math.min(asOf.getTime() / MS_PER_DAY, last + 1);
  const length = Math.min(WINDOW_DAYS, WINDOW_SHARE * (end - first));
  return [new Date((end - length) * MS_PER_DAY), new Date((end - 2 * length) * MS_PER_DAY)];
}

/** What `trainRecommendations` reads, in one snapshot, as ml_user. */
export function readTrainingMaterial(
  mlPool: pg.Pool,
  asOf: Date,
  onStep?: FitOptions['onStep'],
): Promise<TrainingMaterial> {
  return inSnapshot(mlPool, async (client) => {
    const material = await readFitMaterial(client, asOf, onStep);
    return {
      ...material,
      choosing: sampleCustomers(material.shop.log, MAX_CHOOSING_EVENTS),
      starts: windowStarts(material.shop, asOf),
      buyAgainShare: (await client.query(queries.BUY_AGAIN_SHARE)).rows[0]?.share ?? null,
    };
  });
}

async function choose(
  { shop, choosing, starts, buyAgainShare }: TrainingMaterial,
  { asOf, algebra, onStep }: FitOptions,
): Promise<{ choice: Choice; metrics: Readonly<Record<string, unknown>> }> {
  onStep?.('counting demand before the windows that choose');
  const ends = [asOf, ...starts].map((moment) => moment.getTime() / MS_PER_DAY);
  const chosen = await chooseServed({
    log: choosing,
    candidates: servedCandidates(algebra),
    windows: starts.map((_, at) => ({
      from: ends[at + 1]!,
      to: ends[at]!,
      demand: countDemand(shop, ends[at + 1]!),
    })),
    k: LIST_LENGTH,
    buyAgainShare,
    ...LIMITS,
    ...(onStep && { onStep }),
  });
  if (!chosen) return { choice: FALLBACK, metrics: {} };
  const { candidate, candidatePoint, point, scores, questions } = chosen;
  return {
    choice: { algorithm: candidate.name, candidatePoint, point },
    metrics: { ...scores['served'], models: scores, customers: questions, windowFrom: starts[0] },
  };
}

/** Chooses on the windows, fits again on everything, and puts together what is published. */
export async function fitRecommender(
  material: TrainingMaterial,
  options: FitOptions,
): Promise<{ fitted: Fitted; choice: Choice }> {
  const { choice, metrics } = await choose(material, options);
  const fitted = await fitChosen(material, choice, options);
  return { choice, fitted: { ...fitted, metrics: { ...fitted.metrics, ...metrics } } };
}

/**
 * Trains on what happened before `asOf`, reading as ml_user in one snapshot, and publishes as app_user: item-item weights chosen on the
 * last two windows of 30 days, what is alike by content, demand and repetition. In force at once unless the version before would have done
 * better in the later one.
 */
export async function trainRecommendations(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  options: FitOptions,
): Promise<TrainedRecommendations> {
  const began = performance.now();
  try {
    const material = await readTrainingMaterial(mlPool, options.asOf, options.onStep);
    const { fitted } = await fitRecommender(material, options);
    options.onStep?.('publishing');
    const published = await publishRecommender(
      appPool,
      { ...fitted, durationSeconds: (performance.now() - began) / 1000 },
      notWorseInWindow(
        appPool,
        { ...material.shop, log: material.choosing },
        {
          from: material.starts[0],
          to: options.asOf,
          k: LIST_LENGTH,
          buyAgainShare: material.buyAgainShare,
        },
      ),
    );
    return { ...fitted.size, ...published };
  } catch (error) {
    throw databaseError(error);
  }
}
