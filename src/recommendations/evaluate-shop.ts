import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import type { LinearAlgebra } from '../models/linear-algebra/linear-algebra.ts';
import { interactionsOf } from '../models/recommender/event-log.ts';
import { itemUserCounts, userCount } from '../models/recommender/interactions.ts';
import type { JudgedList } from '../models/recommender/judge.ts';
import { type ListSummary, summariseLists } from '../models/recommender/list-summary.ts';
import { rankingMetrics } from '../models/recommender/ranking-metrics.ts';
import { type TestUser, tryRecommenders } from '../models/recommender/recommender-trial.ts';
import { type ServedQuestion, servedQuestions } from '../models/recommender/served-lists.ts';
import { hasHistory, toEventLog } from '../models/recommender/shop-log.ts';
import { writeVersion } from './publish.ts';
import * as queries from './queries.ts';
import { readShop, type ShopData } from './shop-data.ts';
import { fitRecommender, HISTORY_PER_CUSTOMER, readTrainingMaterial } from './train.ts';

export interface ShopTrialOptions {
  /** What happened before it trains; the latest moment whose window has been seen whole unless given. */
  readonly asOf?: Date | undefined;
  readonly horizonDays: number;
  readonly k: number;
  readonly codeVersion: string;
  readonly algebra: LinearAlgebra;
  readonly clock: () => number;
  readonly onStep?: (step: string) => void;
}

interface JudgedGroup {
  readonly users: number;
  readonly models: Readonly<Record<string, ListSummary>>;
}

interface ShopTrialTask {
  /** Customers with a history, and those without. */
  readonly warm: JudgedGroup;
  readonly cold: JudgedGroup;
}

export interface ShopTrial {
  readonly asOf: Date;
  readonly horizonDays: number;
  readonly k: number;
  /** The next purchases, repeats included; and of products that the customer had not bought. */
  readonly tasks: Readonly<Record<'next' | 'fresh', ShopTrialTask>>;
  /** What is served: how it came about. */
  readonly served: { readonly algorithm: string; readonly parameters: Readonly<Record<string, unknown>> };
}

const MS_PER_DAY = 86_400_000;
/** Each is asked for two lists by SQL. */
const MAX_CUSTOMERS = 1000;
const SERVED = 'served';

async function cutoffOf(mlPool: pg.Pool, { asOf, horizonDays }: ShopTrialOptions): Promise<Date> {
  const latest: Date | null = (await mlPool.query(queries.END_OF_LATEST_PURCHASE)).rows[0]?.moment ?? null;
  if (latest === null)
    throw new AppError('SCORING_NO_DATA', 'nobody bought anything', { hint: 'Import purchases first.' });
  const last = new Date(latest.getTime() - horizonDays * MS_PER_DAY);
  if (asOf === undefined || asOf <= last) return asOf ?? last;
  throw new AppError(
    'VALIDATION',
    `the ${horizonDays} days after ${asOf.toISOString()} have not been seen whole`,
    { hint: `The latest moment that can be judged is ${last.toISOString()}.` },
  );
}

type Lists = Map<string, readonly JudgedList[]>;

/** What each customer of `wanted` took, as the other recommenders are asked; rows of others are empty. */
function testOf(shop: ShopData, asked: readonly ServedQuestion[]): TestUser[] {
  const none = { items: new Int32Array(0), unknownItems: 0 };
  const test: TestUser[] = Array.from({ length: shop.userIds.length }, () => none);
  for (const { user, wanted } of asked) test[user] = { items: wanted, unknownItems: 0 };
  return test;
}

async function judgeOthers(
  shop: ShopData,
  cutoff: Date,
  asked: readonly ServedQuestion[],
  repeats: boolean,
  options: ShopTrialOptions,
): Promise<Lists> {
  const lists: Lists = new Map();
  await tryRecommenders(toEventLog(shop.log, cutoff.getTime() / MS_PER_DAY), testOf(shop, asked), {
    k: options.k,
    repeats,
    validation: 'temporal',
    seed: 1,
    algebra: options.algebra,
    clock: options.clock,
    onJudged: (name, judged) => lists.set(name, judged),
    ...(options.onStep && { onStep: options.onStep }),
  });
  return lists;
}

/** Lists as SQL serves them of a version that is written, asked as of the cut-off, and rolled back. */
async function judgeServed(
  pools: { mlPool: pg.Pool; appPool: pg.Pool },
  shop: ShopData,
  cutoff: Date,
  asked: readonly ServedQuestion[],
  options: ShopTrialOptions,
) {
  const material = await readTrainingMaterial(pools.mlPool, cutoff);
  const fitted = await fitRecommender(material, { ...options, asOf: cutoff });
  options.onStep?.('asking for the lists that are served');
  const judged: Record<'next' | 'fresh', JudgedList[]> = { next: [], fresh: [] };
  const client = await pools.appPool.connect();
  try {
    await client.query('BEGIN');
    const run = await writeVersion(
      client,
      { ...fitted, durationSeconds: 0 },
      { promoted: false, against: null },
    );
    const ask = async (userId: number, buyAgain: boolean): Promise<Int32Array> => {
      const { rows } = await client.query(queries.GET_RECOMMENDATIONS, [
        userId,
        options.k,
        JSON.stringify({
          as_of: cutoff.toISOString(),
          model_run_id: run,
          ...(buyAgain ? {} : { buy_again: false }),
        }),
      ]);
      return Int32Array.from(rows, (row) => shop.itemOf.get(row.product_id)!);
    };
    for (const { user, wanted, fresh } of asked) {
      for (const [task, items] of [
        ['next', wanted],
        ['fresh', fresh],
      ] as const) {
        if (items.length === 0) continue;
        const list = await ask(shop.userIds[user]!, task === 'next');
        const set = new Set(items);
        judged[task].push({
          ...rankingMetrics(list, (item) => set.has(item), items.length, options.k),
          user,
          list,
        });
      }
    }
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
    client.release();
  }
  return { judged, algorithm: fitted.algorithm, parameters: fitted.parameters };
}

/**
 * Every recommender, trained on what happened before a cut-off, beside the list that a training of that day would have served: read
 * through SQL from weights as they are published. All products are ranked; customers who bought in the days after it are asked about, at
 * most 1,000 of them.
 * @throws SCORING_NO_DATA where nobody bought, VALIDATION for a cut-off whose window has not ended
 */
export async function evaluateShop(
  pools: { mlPool: pg.Pool; appPool: pg.Pool },
  options: ShopTrialOptions,
): Promise<ShopTrial> {
  try {
    const cutoff = await cutoffOf(pools.mlPool, options);
    const end = new Date(cutoff.getTime() + options.horizonDays * MS_PER_DAY);
    const shop = await inSnapshot(pools.mlPool, (client) => readShop(client, end, HISTORY_PER_CUSTOMER));
    const [from, to] = [cutoff.getTime() / MS_PER_DAY, end.getTime() / MS_PER_DAY];
    const asked = servedQuestions(shop.log, from, to, MAX_CUSTOMERS);
    const served = await judgeServed(pools, shop, cutoff, asked, options);
    const known = interactionsOf(toEventLog(shop.log, from), from);
    const itemUsers = itemUserCounts(known);
    const group = (lists: Lists, isWarm: boolean): JudgedGroup => {
      const of = (judged: readonly JudgedList[]) =>
        judged.filter(({ user }) => hasHistory(shop.log, user, from) === isWarm);
      return {
        users: of(lists.get(SERVED)!).length,
        models: Object.fromEntries(
          [...lists].map(([name, judged]) => [name, summariseLists(of(judged), itemUsers, userCount(known))]),
        ),
      };
    };
    const task = async (name: 'next' | 'fresh'): Promise<ShopTrialTask> => {
      const lists = await judgeOthers(shop, cutoff, asked, name === 'next', options);
      lists.set(SERVED, served.judged[name]);
      return { warm: group(lists, true), cold: group(lists, false) };
    };
    const { algorithm, parameters } = served;
    return {
      asOf: cutoff,
      horizonDays: options.horizonDays,
      k: options.k,
      tasks: { next: await task('next'), fresh: await task('fresh') },
      served: { algorithm, parameters },
    };
  } catch (error) {
    throw databaseError(error);
  }
}
