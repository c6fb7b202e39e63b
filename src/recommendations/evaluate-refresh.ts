import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import type { JudgedList } from '../models/recommender/judge.ts';
import { bootstrapInterval } from '../models/recommender/list-summary.ts';
import { rankingMetrics } from '../models/recommender/ranking-metrics.ts';
import { meanOf, type ServedQuestion, servedQuestions } from '../models/recommender/served-lists.ts';
import type { ShopTrialOptions } from './evaluate-shop.ts';
import { type Fitted, fitChosen } from './fit.ts';
import { cutoffOf, judgeVersion, MAX_CUSTOMERS, type Pools } from './served-trial.ts';
import { readFitMaterial, readShop, type ShopData } from './shop-data.ts';
import { fitRecommender, readTrainingMaterial } from './train.ts';

export interface RefreshTrialOptions extends ShopTrialOptions {
  /** So long before the cut-off the training was that is refreshed. */
  readonly ageDays: number;
}

type Way = 'stale' | 'refreshed' | 'trained';
/** The next purchases; products new to the customer; and of those, what came to the shop since the training that is refreshed. */
type Task = 'next' | 'fresh' | 'arrived';

/** A mean with 95 % of the means over customers drawn again. */
interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

interface RefreshTask {
  readonly users: number;
  readonly ndcg: Readonly<Record<Way, Interval>>;
  /** Customer by customer: what a refresh gains, and what it loses against a training. */
  readonly refreshedLessStale: Interval;
  readonly refreshedLessTrained: Interval;
}

export interface RefreshTrial {
  readonly asOf: Date;
  readonly trainedAsOf: Date;
  readonly horizonDays: number;
  readonly k: number;
  readonly tasks: Readonly<Record<Task, RefreshTask>>;
  /** Reading and fitting, without publishing. */
  readonly seconds: { readonly training: number; readonly refresh: number };
  readonly algorithms: Readonly<Record<Way, string>>;
}

const MS_PER_DAY = 86_400_000;

/** The three versions, and how long the last two took. */
async function fitAll(pools: Pools, cutoff: Date, trainedAsOf: Date, options: RefreshTrialOptions) {
  const { clock, onStep } = options;
  onStep?.(`training as of ${trainedAsOf.toISOString()}`);
  const before = await fitRecommender(await readTrainingMaterial(pools.mlPool, trainedAsOf), {
    ...options,
    asOf: trainedAsOf,
  });
  const at = { ...options, asOf: cutoff };
  const began = clock();
  onStep?.(`refreshing as of ${cutoff.toISOString()}`);
  const material = await inSnapshot(pools.mlPool, (client) => readFitMaterial(client, cutoff));
  const refreshed = await fitChosen(material, before.choice, at);
  const refreshEnd = clock();
  onStep?.(`training as of ${cutoff.toISOString()}`);
  const { fitted: trained } = await fitRecommender(await readTrainingMaterial(pools.mlPool, cutoff), at);
  const fitted: Record<Way, Fitted> = { stale: before.fitted, refreshed, trained };
  const seconds = { refresh: (refreshEnd - began) / 1000, training: (clock() - refreshEnd) / 1000 };
  return { fitted, seconds };
}

/** 1 for items that nothing happened to before the moment, in days since 1970. */
function arrivedSince({ log }: ShopData, moment: number): Uint8Array {
  const arrived = new Uint8Array(log.itemCount).fill(1);
  for (let k = 0; k < log.items.length; k++) if (log.days[k]! < moment) arrived[log.items[k]!] = 0;
  return arrived;
}

/** The same lists, judged by the products that arrived alone. */
function judgeArrived(
  judged: readonly JudgedList[],
  asked: readonly ServedQuestion[],
  arrived: Uint8Array,
  k: number,
): JudgedList[] {
  const freshOf = new Map(asked.map(({ user, fresh }) => [user, fresh]));
  return judged.flatMap(({ user, list }) => {
    const wanted = new Set(freshOf.get(user)!.filter((item) => arrived[item] === 1));
    return wanted.size === 0
      ? []
      : [{ ...rankingMetrics(list, (item) => wanted.has(item), wanted.size, k), user, list }];
  });
}

function intervalOf(values: Float64Array): Interval {
  const [low, high] = bootstrapInterval(values);
  return { mean: meanOf(values), low, high };
}

function compare(judged: Readonly<Record<Way, readonly JudgedList[]>>): RefreshTask {
  const of = (way: Way) => Float64Array.from(judged[way], ({ ndcg }) => ndcg);
  const refreshed = of('refreshed');
  const less = (other: Float64Array) => intervalOf(refreshed.map((ndcg, at) => ndcg - other[at]!));
  return {
    users: refreshed.length,
    ndcg: {
      stale: intervalOf(of('stale')),
      refreshed: intervalOf(refreshed),
      trained: intervalOf(of('trained')),
    },
    refreshedLessStale: less(of('stale')),
    refreshedLessTrained: less(of('trained')),
  };
}

/**
 * What a refresh is worth: the lists of a training some days old, of that training refreshed at the cut-off, and of a new training at the
 * cut-off, read through SQL and judged by what the same customers bought after it. Nothing is left in the database.
 * @throws SCORING_NO_DATA where nobody bought, VALIDATION for a cut-off whose window has not ended
 */
export async function evaluateRefresh(pools: Pools, options: RefreshTrialOptions): Promise<RefreshTrial> {
  try {
    const { horizonDays, k } = options;
    const cutoff = await cutoffOf(pools.mlPool, horizonDays, options.asOf);
    const trainedAsOf = new Date(cutoff.getTime() - options.ageDays * MS_PER_DAY);
    const end = new Date(cutoff.getTime() + horizonDays * MS_PER_DAY);
    const shop = await inSnapshot(pools.mlPool, (client) => readShop(client, end));
    const asked = servedQuestions(
      shop.log,
      cutoff.getTime() / MS_PER_DAY,
      end.getTime() / MS_PER_DAY,
      MAX_CUSTOMERS,
    );
    const { fitted, seconds } = await fitAll(pools, cutoff, trainedAsOf, options);
    options.onStep?.('asking for the lists that are served');
    const ask = (way: Way) => judgeVersion(pools.appPool, fitted[way], { shop, cutoff, asked, k });
    const judged = {
      stale: await ask('stale'),
      refreshed: await ask('refreshed'),
      trained: await ask('trained'),
    };
    const arrived = arrivedSince(shop, trainedAsOf.getTime() / MS_PER_DAY);
    const each = (take: (way: Way) => readonly JudgedList[]) =>
      compare({ stale: take('stale'), refreshed: take('refreshed'), trained: take('trained') });
    return {
      asOf: cutoff,
      trainedAsOf,
      horizonDays,
      k,
      seconds,
      algorithms: {
        stale: fitted.stale.algorithm,
        refreshed: fitted.refreshed.algorithm,
        trained: fitted.trained.algorithm,
      },
      tasks: {
        next: each((way) => judged[way].next),
        fresh: each((way) => judged[way].fresh),
        arrived: each((way) => judgeArrived(judged[way].fresh, asked, arrived, k)),
      },
    };
  } catch (error) {
    throw databaseError(error);
  }
}
