import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import type { LinearAlgebra } from '../models/linear-algebra/linear-algebra.ts';
import { interactionsOf } from '../models/recommender/event-log.ts';
import { itemUserCounts, userCount } from '../models/recommender/interactions.ts';
import type { JudgedList } from '../models/recommender/judge.ts';
import { type ListSummary, summariseLists } from '../models/recommender/list-summary.ts';
import { type TestUser, tryRecommenders } from '../models/recommender/recommender-trial.ts';
import { type ServedQuestion, servedQuestions } from '../models/recommender/served-lists.ts';
import { hasHistory, toEventLog } from '../models/recommender/shop-log.ts';
import { cutoffOf, judgeVersion, MAX_CUSTOMERS, type Pools } from './served-trial.ts';
import { readShop, type ShopData } from './shop-data.ts';
import { fitRecommender, readTrainingMaterial } from './train.ts';

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
const SERVED = 'served';

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

/** Lists as SQL serves them of a training of that moment. */
async function judgeServed(
  pools: Pools,
  shop: ShopData,
  cutoff: Date,
  asked: readonly ServedQuestion[],
  options: ShopTrialOptions,
) {
  const material = await readTrainingMaterial(pools.mlPool, cutoff);
  const { fitted } = await fitRecommender(material, { ...options, asOf: cutoff });
  options.onStep?.('asking for the lists that are served');
  const judged = await judgeVersion(pools.appPool, fitted, { shop, cutoff, asked, k: options.k });
  return { judged, algorithm: fitted.algorithm, parameters: fitted.parameters };
}

/**
 * Every recommender, trained on what happened before a cut-off, beside the list that a training of that day would have served: read
 * through SQL from weights as they are published. All products are ranked; customers who bought in the days after it are asked about, at
 * most 1,000 of them.
 * @throws SCORING_NO_DATA where nobody bought, VALIDATION for a cut-off whose window has not ended
 */
export async function evaluateShop(pools: Pools, options: ShopTrialOptions): Promise<ShopTrial> {
  try {
    const cutoff = await cutoffOf(pools.mlPool, options.horizonDays, options.asOf);
    const end = new Date(cutoff.getTime() + options.horizonDays * MS_PER_DAY);
    const shop = await inSnapshot(pools.mlPool, (client) => readShop(client, end));
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
